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
  /** Answers other than 200, and connections that failed. */
  readonly failed: number;
}

/** Posts over so many connections for so many seconds, as fast as it goes. */
export type Generator = (url: string, connections: number, seconds: number) => Promise<LoadResult>;

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

async function wrk(url: string, connections: number, seconds: number): Promise<LoadResult> {
  const folder = await mkdtemp(join(tmpdir(), 'hookline-wrk-'));
  const script = join(folder, 'post.lua');
  try {
    await writeFile(
      script,
      `wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[${body}]==]
done = function(summary, latency)
  local errors = summary.errors
  print(string.format("RESULT %f %f %f %d", (summary.requests - errors.status) / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
`,
    );
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, url];
    const { stdout } = await run('wrk', args);
    const [rate = 0, p50 = 0, p99 = 0, failed = 0] = (/^RESULT (.*)$/m.exec(stdout)?.[1] ?? '')
      .split(' ')
      .map(Number);
    return { rate, p50, p99, failed };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function cannon(url: string, connections: number, seconds: number): Promise<LoadResult> {
  const result = await autocannon({
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    connections,
    duration: seconds,
  });
  return {
    rate: result['2xx'] / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    failed: result.non2xx + result.errors,
  };
}
