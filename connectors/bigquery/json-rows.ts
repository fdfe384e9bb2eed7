import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { type Row, toChartRow } from 'hookline/plugin';

/** Of one row as a line of JSON. https://cloud.google.com/bigquery/quotas#load_jobs */
export const lineLimit = 100_000_000;

const chunkLength = 256 * 1024;

/** A row as a line of JSON: the body is a text in it, so that not a byte of it is read as anything else. */
export function lineOf(row: Row): string {
  return `${JSON.stringify(toChartRow(row))}\n`;
}

/** Whether the line is longer than BigQuery takes; most are told without writing it. */
export function isTooLong(row: Row): boolean {
  // A byte becomes six at most, as \u001f; but an ordinary one stays as it is.
  if (row.body.length * 6 + 500 < lineLimit) return false;
  return row.body.length > lineLimit || Buffer.byteLength(lineOf(row)) > lineLimit;
}

/** The two parts of an upload: the job, and the file that it loads. A row at a time is in memory twice. */
export function uploadOf(
  head: object,
  rows: readonly Row[],
  count: (bytes: number) => void,
): { readonly stream: Readable; readonly type: string } {
  const boundary = randomUUID();
  function* chunks(): Generator<Buffer> {
    const part = (type: string) => `--${boundary}\r\ncontent-type: ${type}\r\n\r\n`;
    yield Buffer.from(`${part('application/json; charset=UTF-8')}${JSON.stringify(head)}\r\n`);
    yield Buffer.from(part('application/octet-stream'));
    let [lines, length]: [string[], number] = [[], 0];
    for (const row of rows) {
      const line = lineOf(row);
      lines.push(line);
      length += line.length;
      if (length < chunkLength) continue;
      yield counted(lines);
      [lines, length] = [[], 0];
    }
    if (lines.length > 0) yield counted(lines);
    yield Buffer.from(`\r\n--${boundary}--\r\n`);
  }
  const counted = (lines: readonly string[]) => {
    const chunk = Buffer.from(lines.join(''));
    count(chunk.length);
    return chunk;
  };
  return {
    stream: Readable.from(chunks(), { objectMode: false }),
    type: `multipart/related; boundary=${boundary}`,
  };
}
