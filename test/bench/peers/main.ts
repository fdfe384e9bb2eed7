/**
 * Hookline beside others that land webhooks in Postgres: the same bodies, Postgres, load and flushes, in turns.
 * What is not there yet is built first.
 */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { startPostgres } from '../../support/postgres.js';
import { findGenerator, type Generator } from '../load.js';
import { describe, machine } from '../machine.js';
import { print, Report, type ScenarioResult } from '../report.js';
import { interleaved } from '../rounds.js';
import { absent } from './absent.js';
import { benthos, benthosInMemory } from './benthos.js';
import { hookline } from './hookline.js';
import type { Peer } from './peer.js';
import { type Summary, summarise, table } from './table.js';
import { telegraf, telegrafOnDisk } from './telegraf.js';
import { onEmptyDatabase, type Trial, tryOut } from './trial.js';

const peers: readonly Peer[] = [hookline, telegraf, telegrafOnDisk, benthos, benthosInMemory];

interface Options {
  readonly rounds: string;
  readonly seconds: string;
  readonly json?: string;
}

await new Command()
  .name('npm run bench:peers --')
  .option('--rounds <n>', 'how often everything is measured', '3')
  .option('--seconds <n>', 'how long the load of a round lasts', '10')
  .option('--json <file>', 'write the results there as well')
  .action(run)
  .parseAsync();

async function run({ rounds, seconds, json }: Options): Promise<void> {
  for (const { name, version, install } of peers) {
    print(`${name} (${version})`);
    await install();
  }
  const { name: generator, load } = await findGenerator();
  const where = machine(generator);
  print(`\n${describe(where)}`);
  print(
    `0.5 KB bodies, 64 connections; ${rounds} rounds of ${seconds} s, in turns; medians, and sums of losses`,
  );
  const trials = await inTurns(load, Number(rounds), Number(seconds));
  const summaries = peers.map((peer) => summarise(peer, trials.get(peer.name) ?? []));
  print(`\n${table(summaries)}\n`);
  for (const [name, why] of Object.entries(absent)) print(`Not measured: ${name}: ${why}.`);
  for (const { name, failed } of summaries) {
    if (failed > 0) print(`${name}: ${failed} requests failed.`);
  }
  const { ratios } = compare(summaries);
  const whole = {
    date: new Date().toISOString(),
    machine: where,
    extent: { rounds: Number(rounds), seconds: Number(seconds) },
    peers: summaries,
    trials: Object.fromEntries(trials),
    ratios,
    absent,
  };
  if (json !== undefined) await writeFile(json, `${JSON.stringify(whole, undefined, 2)}\n`);
}

/** All on one Postgres. That each starts, and how it is configured, is shown before the first round. */
async function inTurns(
  load: Generator,
  rounds: number,
  seconds: number,
): Promise<ReadonlyMap<string, readonly Trial[]>> {
  const postgres = await startPostgres();
  try {
    for (const peer of peers) {
      const configuration = await onEmptyDatabase(peer, postgres, async (running) => running.configuration);
      print(`\n--- ${peer.name}\n${configuration.trim()}`);
    }
    const turns = peers.map((peer) => [peer.name, () => tryOut(peer, postgres, load, seconds)] as const);
    return await interleaved(rounds, Object.fromEntries(turns));
  } finally {
    await postgres.destroy();
  }
}

/** Hookline's landed rows beside the best peer's of either kind; and what Hookline itself must not do. */
function compare(summaries: readonly Summary[]): ScenarioResult {
  const report = new Report('peers', 'landed rows a second, until the last one is there');
  const [own, ...others] = summaries as [Summary, ...Summary[]];
  const best = (durable: boolean) =>
    Math.max(...others.filter((peer) => peer.durable === durable).map(({ landed }) => landed));
  report.ratio('Hookline / best peer that is durable', own.landed / best(true), 2);
  report.ratio('Hookline / best peer that is not', own.landed / best(false), 1);
  if (own.failed + own.kill.lost + own.kill.doubled > 0) {
    print('Hookline has failed, lost or doubled something');
    process.exitCode = 1;
  }
  return report.result;
}
