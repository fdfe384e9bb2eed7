import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

type Json = Readonly<Record<string, unknown>>;

/** A transaction's own, till it commits. */
interface Open {
  readonly ledger: string[];
  readonly rows: string[];
}

const described: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  LEADS: [
    ['__KDD_REQUEST_ID', 'TEXT'],
    ['__KDD_REQUEST_UNIX_TIMESTAMP', 'REAL'],
    ['__KDD_REQUESTER_KEY', 'TEXT'],
    ['__KDD_REQUEST_BODY', 'TEXT'],
  ],
  __HOOKLINE_BATCHES: [
    ['BATCH_ID', 'TEXT'],
    ['TABLE_NAME', 'TEXT'],
    ['ROW_COUNT', 'FIXED'],
    ['BYTES', 'FIXED'],
    ['LANDED_AT', 'TIMESTAMP_LTZ'],
    ['SPOOL', 'TEXT'],
    ['SERIAL', 'FIXED'],
  ],
  __HOOKLINE_BATCHES_LOCK: [['TURN', 'FIXED']],
};

/**
 * Not Snowflake, and no emulator of it: a table LEADS, its ledger and its lock, with transactions as
 * Snowflake's documentation describes them, for what no emulator shows.
 * https://docs.snowflake.com/en/sql-reference/transactions: READ COMMITTED, so a statement sees what was
 * committed before it began, and its own transaction's; keys are not enforced; an UPDATE holds its lock
 * until its transaction ends, and another UPDATE waits; INSERT and COPY wait for nobody; a COMMIT without a
 * transaction succeeds and does nothing.
 */
export class SnowflakeDouble {
  readonly ledger: string[] = [];
  readonly rows: string[] = [];
  /** Of all sessions, in the order in which they begin: the session's number, and the statement's first words. */
  readonly seen: string[] = [];
  /** Called before a statement is run; what it resolves to is answered in its place. */
  before: (sql: string, session: string) => Promise<Json | undefined> = async () => undefined;
  readonly #server: Server;
  readonly #open = new Map<string, Open>();
  readonly #files = new Map<string, string>();
  #locked: string | undefined;
  #unlocked: (() => void)[] = [];
  #sessions = 0;

  private constructor() {
    this.#server = createServer((incoming, outgoing) => {
      void this.#answer(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error));
    });
  }

  static async start(): Promise<SnowflakeDouble> {
    const double = new SnowflakeDouble();
    double.#server.listen(0, '127.0.0.1');
    await once(double.#server, 'listening');
    return double;
  }

  get options() {
    const { port } = this.#server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    return { account: 'test', accessUrl: url, user: 'hookline', password: 'x', database: 'test' };
  }

  /** Ends a session's transaction as Snowflake does after a while: without a word. */
  abandon(session: string): void {
    this.#end(session);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const raw = await buffer(incoming);
    const path = incoming.url ?? '';
    const session = /Token="(.*)"/.exec(incoming.headers.authorization ?? '')?.[1] ?? '';
    const reply = (body: Json) => {
      outgoing.writeHead(200, { 'content-type': 'application/json' });
      outgoing.end(JSON.stringify(body));
    };
    if (incoming.method === 'PUT') {
      this.#files.set(path, gunzipSync(raw).toString());
      return reply({});
    }
    if (path.startsWith('/session/v1/login-request')) {
      this.#sessions += 1;
      const token = String(this.#sessions);
      return reply({ success: true, data: { token, masterToken: token, sessionId: 1, parameters: [] } });
    }
    if (path.startsWith('/session?delete')) this.#end(session);
    if (!path.startsWith('/queries/v1/query-request')) return reply({ success: true, data: {} });
    const unpacked = incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
    const { sqlText, bindings } = JSON.parse(unpacked.toString()) as {
      sqlText: string;
      bindings?: Record<string, { value: string }>;
    };
    const sql = sqlText.trim();
    this.seen.push(`${session} ${sql.split(/\s+/, 2).join(' ')}`);
    const instead = await this.before(sql, session);
    reply(instead ?? (await this.#run(sql, session, bindings?.['1']?.value ?? '', incoming)));
  }

  async #run(sql: string, session: string, id: string, incoming: IncomingMessage): Promise<Json> {
    const open = this.#open.get(session);
    const seen = () => [...this.ledger, ...(this.#open.get(session)?.ledger ?? [])];
    if (sql.startsWith('SELECT CURRENT_')) return rowset({ NAME: 'SOMETHING' });
    if (sql.startsWith('SHOW OBJECTS'))
      return rowset(...Object.keys(described).map((name) => ({ name, kind: 'TABLE' })));
    if (sql.startsWith('SHOW COLUMNS')) {
      const columns = described[/"(\w+)"$/.exec(sql)?.[1] ?? ''] ?? [];
      const length = { length: 16_777_216, byteLength: 16_777_216 };
      return rowset(
        ...columns.map(([column_name, type]) => ({
          column_name,
          data_type: JSON.stringify({ type, ...length, nullable: ['SPOOL', 'SERIAL'].includes(column_name) }),
          kind: 'COLUMN',
        })),
      );
    }
    if (sql.startsWith('PUT')) {
      const [, file = '', folder = ''] = /^PUT 'file:\/\/(?:.*\/)?([^/']+)' '@~\/([^']*)'/.exec(sql) ?? [];
      const stageInfo = {
        locationType: 'GCS',
        location: folder,
        region: '',
        creds: {},
        presignedUrl: `http://${incoming.headers.host}/${folder}${file}`,
      };
      const path = /'file:\/\/([^']+)'/.exec(sql)?.[1];
      const upload = { command: 'UPLOAD', src_locations: [path], sourceCompression: 'gzip', overwrite: true };
      return { success: true, data: { ...upload, autoCompress: false, parallel: 1, stageInfo } };
    }
    if (sql.startsWith('BEGIN')) this.#open.set(session, { ledger: [], rows: [] });
    if (sql.startsWith('INSERT') && open !== undefined) {
      if (seen().includes(id)) return rowset({ n: '0' });
      open.ledger.push(id);
      return rowset({ n: '1' });
    }
    if (sql.startsWith('COPY')) {
      const [, folder = ''] = /FROM '@~\/([^']*)'/.exec(sql) ?? [];
      const files = [...this.#files].filter(([name]) => name.startsWith(`/${folder}`));
      const ids = files.flatMap(([, text]) =>
        [...text.matchAll(/^"([a-z]{20})",/gm)].map((match) => match[1]),
      );
      open?.rows.push(...(ids as string[]));
      return rowset({ rows_loaded: String(ids.length) });
    }
    if (sql.startsWith('UPDATE')) {
      while (this.#locked !== undefined && this.#locked !== session) {
        await new Promise<void>((resolve) => this.#unlocked.push(resolve));
      }
      this.#locked = session;
      return rowset({ n: '1' });
    }
    if (sql.startsWith('SELECT COUNT')) {
      return rowset({ N: String(seen().filter((entry) => entry === id).length) });
    }
    if (sql === 'COMMIT') {
      this.ledger.push(...(open?.ledger ?? []));
      this.rows.push(...(open?.rows ?? []));
      this.#end(session);
    }
    if (sql === 'ROLLBACK') this.#end(session);
    return rowset({ status: 'Statement executed successfully.' });
  }

  #end(session: string): void {
    this.#open.delete(session);
    if (this.#locked !== session) return;
    this.#locked = undefined;
    for (const resolve of this.#unlocked.splice(0)) resolve();
  }
}

/** An error as the server says it. */
export function refusal(number: number, sqlState: string, message = 'said'): Json {
  const code = String(number).padStart(6, '0');
  return { success: false, code, message, data: { errorCode: code, sqlState } };
}

function rowset(...rows: Json[]): Json {
  const names = Object.keys(rows[0] ?? {});
  const rowtype = names.map((name) => ({ name, type: 'text', nullable: true, length: 1, byteLength: 1 }));
  const data = {
    rowtype,
    rowset: rows.map((row) => names.map((name) => row[name])),
    total: rows.length,
    returned: rows.length,
    parameters: [],
    queryResultFormat: 'json',
    queryId: '01b00000-0000-0000-0000-000000000002',
  };
  return { success: true, data };
}
