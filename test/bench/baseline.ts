import { readFile } from 'node:fs/promises';
import { meets, type Ratio, type ScenarioResult } from './report.js';

/** A ratio may fall by a third, as these machines are noisy; not by more. `baseline.json` has the worse of two runs. */
const tolerance = 2 / 3;

interface Regression {
  readonly scenario: string;
  /** With the scenario's name in front. */
  readonly ratio: string;
  readonly now: number;
  readonly before: number;
}

/** Which ratios have become worse than they were by more than the tolerance, and miss their goal. */
export async function regressions(file: string, results: readonly ScenarioResult[]): Promise<Regression[]> {
  const before = ratiosOf(JSON.parse(await readFile(file, 'utf8')).results as ScenarioResult[]);
  return [...ratiosOf(results)].flatMap(([ratio, { scenario, value: now, better, goal }]) => {
    const was = before.get(ratio)?.value;
    if (was === undefined || (goal !== undefined && meets(now, goal, better))) return [];
    const share = better === 'more' ? now / was : was / now;
    return share >= tolerance ? [] : [{ scenario, ratio, now, before: was }];
  });
}

function ratiosOf(
  results: readonly ScenarioResult[],
): ReadonlyMap<string, Ratio & { readonly scenario: string }> {
  return new Map(
    results.flatMap(({ scenario, ratios }) =>
      ratios.map((ratio) => [`${scenario}: ${ratio.name}`, { ...ratio, scenario }] as const),
    ),
  );
}
