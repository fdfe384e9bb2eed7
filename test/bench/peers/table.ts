import { median, shown } from '../report.js';
import type { Peer } from './peer.js';
import type { Trial } from './trial.js';

/** A peer's rounds in one: medians of what is fast or slow, sums of what is lost. */
export interface Summary extends Trial {
  readonly name: string;
  readonly version: string;
  readonly waitsFor: string;
  readonly durable: boolean;
}

export function summarise({ name, version, waitsFor, durable }: Peer, trials: readonly Trial[]): Summary {
  const middle = (pick: (trial: Trial) => number) => median(trials.map(pick));
  const sum = (pick: (trial: Trial) => number) => trials.reduce((total, trial) => total + pick(trial), 0);
  return {
    name,
    version,
    waitsFor,
    durable,
    acks: middle(({ acks }) => acks),
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    landed: middle(({ landed }) => landed),
    failed: sum(({ failed }) => failed),
    missing: sum(({ missing }) => missing),
    kill: {
      acked: sum(({ kill }) => kill.acked),
      lost: sum(({ kill }) => kill.lost),
      doubled: sum(({ kill }) => kill.doubled),
    },
  };
}

/** In Markdown. */
export function table(summaries: readonly Summary[]): string {
  const heads = [
    '',
    'its answer waits for',
    'acks/s',
    'p99',
    'landed rows/s',
    'acked and missing, nothing killed',
    'lost by a SIGKILL, of acked',
    'doubled by it',
  ];
  const rows = summaries.map(({ name, waitsFor, acks, p99, landed, missing, kill }) => [
    name,
    waitsFor,
    shown(Math.round(acks)),
    `${shown(p99)} ms`,
    shown(Math.round(landed)),
    whole(missing),
    `${whole(kill.lost)} of ${whole(kill.acked)}`,
    whole(kill.doubled),
  ]);
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function whole(count: number): string {
  return count.toLocaleString('en-US');
}
