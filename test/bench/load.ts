import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import autocannon from 'autocannon';

export interface LoadResult {
  /** Answers with 200 a second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Answers other than 200, and connections that failed. */
  readonly failed: number;
}

/**
 * Posts over so many connections for so many seconds, as fast as it goes.
 * @param url or several, which take turns
 * @param what the body, unless it is the usual one
 */
export type Generator = (
  url: string | readonly string[],
  connections: number,
  seconds: number,
  what?: string,
) => Promise<LoadResult>;

/** A body of 0.5 KB, as a webhook has it. */
export const body = JSON.stringify({
  event_type: 'CONVERSION',
  event_uuid: 'c2f3d2b3-7250-4d27-97f4-eef38be32f7f',
  contact: {
    name: 'Maria Silva',
    email: 'maria@example.com',
    tags: ['newsletter', 'são paulo'],
    score: 87.5,
  },
  note: 'x'.repeat(300),
});

/** A body of so many bytes: the usual one, with a longer note. */
export function bodyOf(bytes: number): string {
  return JSON.stringify({ ...JSON.parse(body), note: 'x'.repeat(300 + bytes - Buffer.byteLength(body)) });
}

const run = promisify(execFile);

/** wrk takes a fifth of a core and autocannon a whole one, which the server then lacks. */
export async function findGenerator(): Promise<{ readonly name: string; readonly load: Generator }> {
  const found = await run('wrk', ['-v']).then(
    () => true,
    // It prints its version and ends with 1.
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  );
  return found ? { name: 'wrk', load: wrk } : { name: 'autocannon', load: cannon };
}

async function wrk(
  url: string | readonly string[],
  connections: number,
  seconds: number,
  what = body,
): Promise<LoadResult> {
  const folder = await mkdtemp(join(tmpdir(), 'hookline-wrk-'));
  const script = join(folder, 'post.lua');
  try {
    await writeFile(
      script,
      `wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[${what}]==]
${turns(url)}
done = function(summary, latency)
  local errors = summary.errors
  print(string.format("RESULT %f %f %f %f %d", (summary.requests - errors.status) / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency:percentile(99.9) / 1000,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
`,
    );
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, firstOf(url)];
    const { stdout } = await run('wrk', args);
    const [rate = 0, p50 = 0, p99 = 0, p999 = 0, failed = 0] = (/^RESULT (.*)$/m.exec(stdout)?.[1] ?? '')
      .split(' ')
      .map(Number);
    return { rate, p50, p99, p999, failed };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function cannon(
  url: string | readonly string[],
  connections: number,
  seconds: number,
  what = body,
): Promise<LoadResult> {
  const result = await autocannon({
    url: firstOf(url),
    ...(typeof url !== 'string' && { requests: url.map((one) => ({ path: pathOf(one) })) }),
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: what,
    connections,
    duration: seconds,
  });
  return {
    rate: result['2xx'] / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    p999: result.latency.p99_9,
    failed: result.non2xx + result.errors,
  };
}

/** wrk makes one request and repeats it, unless it is told how each is made: here all are made once. */
function turns(url: string | readonly string[]): string {
  if (typeof url === 'string') return '';
  return `local paths = { ${url.map((one) => `"${pathOf(one)}"`).join(', ')} }
local requests, at = {}, 0
init = function()
  for n, path in ipairs(paths) do requests[n] = wrk.format(nil, path) end
end
request = function()
  at = at % #requests + 1
  return requests[at]
end`;
}

function firstOf(url: string | readonly string[]): string {
  return typeof url === 'string' ? url : (url[0] as string);
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}
