import type { Connection, RowDataPacket } from 'mysql2/promise';

/**
 * What a crash of the server's machine could take away again although it was committed; `undefined` where
 * nothing. It may be meant, as in a cluster that keeps each row on several machines: so nothing is refused.
 */
export async function weaknessOf(connection: Connection): Promise<string | undefined> {
  const [[found]] = await connection.query<RowDataPacket[]>(
    'SELECT @@innodb_flush_log_at_trx_commit AS flush, @@log_bin AS logs, @@sync_binlog AS sync',
  );
  const [flush, logs, sync] = [found?.['flush'], found?.['logs'], found?.['sync']].map(Number);
  // 3 is 1, and one flush more, in MariaDB.
  if (flush !== 1 && flush !== 3) return `innodb_flush_log_at_trx_commit is ${flush}, not 1`;
  // With a binary log, what is not in it is rolled back after a crash.
  return logs === 1 && sync !== 1 ? `sync_binlog is ${sync}, not 1` : undefined;
}
