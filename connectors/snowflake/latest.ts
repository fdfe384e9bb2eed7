import type { Row, TimeRange } from 'hookline/plugin';
import type { Session } from './session.js';
import { chartColumns } from './table.js';

const [id, at, key, body] = chartColumns.map(({ name }) => name);

/** 2^52: a float64 times a power of two is exact, and so the fraction becomes a whole number. */
const scale = 4503599627370496;

const listedAtOnce = 10_000;

/** The newest rows. Needs a warehouse, and reads the table's newest partitions. */
export async function latestIn(
  session: Session,
  table: string,
  limit: number,
  signal: AbortSignal,
): Promise<Row[]> {
  // A float as Snowflake writes it has 15 digits or so. In two whole numbers it is exact, if it is a time.
  const found = await session.run(
    signal,
    `SELECT ${id} AS ID, ${at} AS T, ${key} AS KEY, ${body} AS BODY,
       CASE WHEN ${at} BETWEEN 1 AND 9007199254740992 THEN TO_VARCHAR(CAST(FLOOR(${at}) AS NUMBER(38, 0))) END AS WHOLE,
       CASE WHEN ${at} BETWEEN 1 AND 9007199254740992
         THEN TO_VARCHAR(CAST((${at} - FLOOR(${at})) * ${scale} AS NUMBER(38, 0))) END AS PART
      FROM ${table} ORDER BY ${at} DESC LIMIT ${Math.trunc(limit)}`,
  );
  return found.map((row) => ({
    requestId: String(row['ID']),
    timestamp: row['WHOLE'] === null ? Number(row['T']) : Number(row['WHOLE']) + Number(row['PART']) / scale,
    key: String(row['KEY']),
    body: Buffer.from(String(row['BODY'])),
  }));
}

/** Offers the request ids of a range, some at a time. Needs a warehouse, and reads the partitions of that time. */
export async function listIn(
  session: Session,
  table: string,
  { from, to }: TimeRange,
  offer: (ids: string[]) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const query = `SELECT ${id} AS ID FROM ${table} WHERE ${at} >= ${exact(from)} AND ${at} < ${exact(to)}`;
  let ids: string[] = [];
  await session.each(signal, query, async (row) => {
    ids.push(String(row['ID']));
    if (ids.length < listedAtOnce) return;
    await offer(ids);
    ids = [];
  });
  if (ids.length > 0) await offer(ids);
}

/** A float64 out of whole numbers, as above: nothing says how exactly a number with a point becomes a float. */
function exact(value: number): string {
  if (value < 1 || value > Number.MAX_SAFE_INTEGER) return `TO_DOUBLE('${value}')`;
  const whole = Math.floor(value);
  return `(CAST(${whole} AS FLOAT) + CAST(${BigInt((value - whole) * scale)} AS FLOAT) / CAST(${scale} AS FLOAT))`;
}
