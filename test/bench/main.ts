import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { acks } from './acks.js';
import { regressions } from './baseline.js';
import { draining } from './draining.js';
import { freshness } from './freshness.js';
import { landing } from './landing.js';
import { findGenerator } from './load.js';
import { describe, machine } from './machine.js';
import { clouds, memory } from './memory.js';
import { type Bar, picture } from './picture.js';
import { ratio } from './ratio.js';
import { print, Report, type ScenarioResult, shown } from './report.js';
import { scale } from './scale.js';
import type { Extent, Scenario } from './scenario.js';

/**
 * What Hookline costs, side by side in one run. The ratios are what counts: the figures themselves depend
 * on the machine, which the load generator shares.
 */
const scenarios: readonly Scenario[] = [acks, landing, draining, memory, clouds, freshness, scale, ratio];

/** Of which figures the picture is made. */
const bars: readonly (readonly [scenario: string, figure: string, name: string, own: boolean])[] = [
  ['acks', 'no-op node:http', 'no-op node:http', false],
  ['acks', 'durable acks', 'Hookline: durable answers', true],
  ['landing', 'postgres: landed', 'Hookline: answered and landed in Postgres', true],
  ['landing', 'duckdb: landed', 'Hookline: answered and landed in DuckDB', true],
  ['acks', 'express + INSERT, by hand', 'express + INSERT, by hand', false],
];

interface Options {
  readonly rounds: string;
  readonly seconds: string;
  readonly short?: boolean;
  readonly json?: string;
  readonly svg?: string;
  readonly baseline?: string;
}

const names = scenarios.map(({ name }) => name);
const program = new Command('bench')
  .argument('[scenarios...]', `which: ${names.join(', ')}; all but clouds and ratio unless told`)
  .option('--rounds <n>', 'how often each is measured; medians are shown', '3')
  .option('--seconds <n>', 'how long a round is, where time limits it', '5')
  .option('--short', 'a quick look, of a few minutes')
  .option('--json <file>', 'write the results there too')
  .option('--svg <file>', 'draw a picture of them')
  .option('--baseline <file>', 'fail if a ratio has fallen by more than a third since that --json')
  .action(run);
await program.parseAsync();

async function run(wanted: readonly string[], options: Options): Promise<void> {
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    program.error(`there is no scenario ${unknown.join(', ')}; there are ${names.join(', ')}`);
  const { name: generator, load } = await findGenerator();
  const where = machine(generator);
  const extent: Extent = {
    rounds: Number(options.rounds),
    seconds: Number(options.seconds),
    short: options.short ?? false,
  };
  print(describe(where));
  print(`0.5 KB bodies, 64 connections unless told; ${extent.rounds} rounds of ${extent.seconds} s; medians`);
  const measure = async (some: readonly Scenario[]): Promise<ScenarioResult[]> => {
    const results: ScenarioResult[] = [];
    for (const scenario of some) {
      const report = new Report(scenario.name, scenario.about);
      await scenario.run(report, extent, load);
      results.push(report.result);
    }
    return results;
  };
  const results = await measure(
    scenarios.filter(({ name, onlyByName }) => (wanted.length === 0 ? !onlyByName : wanted.includes(name))),
  );
  const whole = { date: new Date().toISOString(), machine: where, extent, results };
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(whole, undefined, 2)}\n`);
  if (options.svg !== undefined) await writeFile(options.svg, draw(results, describe(where)));
  if (options.baseline === undefined) return;
  let worse = await regressions(options.baseline, results);
  if (worse.length > 0) {
    // What fell because of somebody else on this machine does not fall twice.
    print(`\nfallen by more than a third, measured again: ${worse.map(({ ratio }) => ratio).join('; ')}`);
    const again = scenarios.filter(({ name }) => worse.some(({ scenario }) => scenario === name));
    const still = await regressions(options.baseline, await measure(again));
    worse = still.filter(({ ratio }) => worse.some((before) => before.ratio === ratio));
  }
  print(worse.length === 0 ? '\nno ratio has fallen by more than a third' : '\nfallen by more than a third:');
  for (const { ratio, now, before } of worse) print(`  ${ratio}: ${shown(now)}, and was ${shown(before)}`);
  if (worse.length > 0) process.exitCode = 1;
}

function draw(results: readonly ScenarioResult[], footnote: string): string {
  const drawn = bars.flatMap(([scenario, figure, name, own]): Bar[] => {
    const found = results
      .find((one) => one.scenario === scenario)
      ?.figures.find((one) => one.name === figure);
    return found === undefined ? [] : [{ name, own, value: found.value, label: `${shown(found.value)}/s` }];
  });
  return picture('Webhooks of 0.5 KB a second', drawn, footnote);
}
