import { setTimeout as sleep } from 'node:timers/promises';
import { Sender } from './ack-log.js';

/** What attackers cost honest senders: their answers in rounds with and without an attack, in turn. */
export interface Slowdown {
  /** Requests answered in a round, the medians. */
  readonly without: number;
  readonly under: number;
  /** `under` / `without`. */
  readonly ratio: number;
  /** Requests of honest senders that were not answered 200. */
  readonly unanswered: number;
}

/** @param length milliseconds of a round */
export async function slowdown(
  url: string,
  rounds: number,
  length: number,
  attack: { begin(): Promise<void>; end(): Promise<void> },
): Promise<Slowdown> {
  const counts: Record<'without' | 'under', number[]> = { without: [], under: [] };
  let unanswered = 0;
  const round = async (): Promise<number> => {
    const sender = new Sender(url, 8);
    await sleep(length);
    await sender.stop();
    unanswered += sender.unanswered;
    return sender.acks.length;
  };
  await round();
  for (let n = 0; n < rounds; n++) {
    counts.without.push(await round());
    await attack.begin();
    counts.under.push(await round());
    await attack.end();
  }
  const [without, under] = [median(counts.without), median(counts.under)];
  return { without, under, ratio: under / without, unanswered };
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}
