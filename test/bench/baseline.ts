import { readFile } from 'node:fs/promises';
import { meets, type Ratio, type ScenarioResult } from './report.js';

/** A ratio may fall by a third, as these machines are noisy; not by more. */
const tolerance = 2 / 3;

/** Which ratios have become worse than they were by more than the tolerance, and miss their goal; a line each. */
export async function regressions(file: string, results: readonly ScenarioResult[]): Promise<string[]> {
  const before = ratiosOf(JSON.parse(await readFile(file, 'utf8')).results as ScenarioResult[]);
  const now = ratiosOf(results);
  return [...now].flatMap(([name, { value, better, goal }]) => {
    const was = before.get(name)?.value;
    if (was === undefined || (goal !== undefined && meets(value, goal, better))) return [];
    const share = better === 'more' ? value / was : was / value;
    return share >= tolerance ? [] : [`${name}: ${value.toFixed(2)}, and was ${was.toFixed(2)}`];
  });
}

function ratiosOf(results: readonly ScenarioResult[]): ReadonlyMap<string, Ratio> {
  return new Map(
    results.flatMap(({ scenario, ratios }) =>
      ratios.map((ratio): [string, Ratio] => [`${scenario}: ${ratio.name}`, ratio]),
    ),
  );
}
