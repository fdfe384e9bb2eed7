import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Row } from 'hookline/plugin';

/** A file ends after this many bytes, unpacked: what Snowflake loads well, and the SDK carries. */
const fileBytes = 32 * 1024 ** 2;
/** Rows are handed to gzip in pieces of this size. */
const pieceBytes = 256 * 1024;

/**
 * How Snowflake reads the files: every field but the timestamp in quotes, quotes in it doubled, and nothing
 * else is special: no escapes, no text that means NULL, no white space that is trimmed.
 * https://docs.snowflake.com/en/sql-reference/sql/copy-into-table#type-csv
 */
export const fileFormat = `(TYPE = CSV, COMPRESSION = GZIP, ENCODING = 'UTF8', RECORD_DELIMITER = '\\n',
  FIELD_DELIMITER = ',', FIELD_OPTIONALLY_ENCLOSED_BY = '"', ESCAPE = NONE, ESCAPE_UNENCLOSED_FIELD = NONE,
  NULL_IF = (), EMPTY_FIELD_AS_NULL = FALSE, TRIM_SPACE = FALSE, SKIP_HEADER = 0, SKIP_BLANK_LINES = FALSE,
  MULTI_LINE = TRUE, ERROR_ON_COLUMN_COUNT_MISMATCH = TRUE, REPLACE_INVALID_CHARACTERS = FALSE,
  SKIP_BYTE_ORDER_MARK = FALSE)`;

const quote = 0x22;

/** Writes rows into files of the folder, in the order of the chart; resolves to the files' names. */
export async function writeCsv(rows: readonly Row[], folder: string, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  for (let from = 0; from < rows.length; ) {
    const end = endOf(rows, from);
    const name = `${names.length}.csv.gz`;
    const file = createWriteStream(join(folder, name), { mode: 0o600, flags: 'wx' });
    // Fast: what is sent is small beside what the warehouse's minute costs.
    await pipeline(Readable.from(pieces(rows, from, end)), createGzip({ level: 1 }), file, { signal });
    names.push(name);
    from = end;
  }
  return names;
}

/** The row after the last one that goes into the same file; at least one does. */
function endOf(rows: readonly Row[], from: number): number {
  let bytes = 0;
  for (let at = from; at < rows.length; at++) {
    bytes += rows[at]?.body.length ?? 0;
    if (bytes > fileBytes && at > from) return at;
  }
  return rows.length;
}

function* pieces(rows: readonly Row[], from: number, end: number): Generator<Buffer> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for (let at = from; at < end; at++) {
    const row = rows[at] as Row;
    // A float as JavaScript writes it is the shortest text that is read as the same float64 again.
    const head = `"${doubled(row.requestId)}",${row.timestamp},"${doubled(row.key)}","`;
    const body = quoted(row.body);
    parts.push(Buffer.from(head), body, lineEnd);
    bytes += head.length + body.length + lineEnd.length;
    if (bytes < pieceBytes) continue;
    yield Buffer.concat(parts);
    [parts, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(parts);
}

const lineEnd = Buffer.from('"\n');

function doubled(text: string): string {
  return text.replaceAll('"', '""');
}

/** Each quote twice. */
function quoted(body: Uint8Array): Uint8Array {
  let quotes = 0;
  for (let at = body.indexOf(quote); at >= 0; at = body.indexOf(quote, at + 1)) quotes += 1;
  if (quotes === 0) return body;
  const result = Buffer.allocUnsafe(body.length + quotes);
  let [from, to] = [0, 0];
  for (let at = body.indexOf(quote); at >= 0; at = body.indexOf(quote, at + 1)) {
    result.set(body.subarray(from, at + 1), to);
    to += at + 1 - from;
    result[to++] = quote;
    from = at + 1;
  }
  result.set(body.subarray(from), to);
  return result;
}
