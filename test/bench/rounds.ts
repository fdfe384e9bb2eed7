import type { LoadResult } from './load.js';
import { median, type Report, shown } from './report.js';

/** Measures each subject once in every round, so that what else the machine does hits all alike. */
export async function interleaved<T>(
  rounds: number,
  subjects: Readonly<Record<string, () => Promise<T>>>,
): Promise<ReadonlyMap<string, readonly T[]>> {
  const results = new Map<string, T[]>(Object.keys(subjects).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, measure] of Object.entries(subjects)) results.get(name)?.push(await measure());
  }
  return results;
}

/** The medians of rounds of load; returns the answers a second. */
export function showLoad(report: Report, name: string, results: readonly LoadResult[] = []): number {
  const of = (pick: (result: LoadResult) => number) => median(results.map(pick));
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  const [p50, p99, p999] = [of((one) => one.p50), of((one) => one.p99), of((one) => one.p999)].map(shown);
  if (failed > 0) process.exitCode = 1;
  const failures = failed === 0 ? '' : `, ${failed} FAILED`;
  return report.figure(
    name,
    of(({ rate }) => rate),
    '/s',
    `p50 ${p50} ms, p99 ${p99} ms, p99.9 ${p999} ms${failures}`,
  );
}
