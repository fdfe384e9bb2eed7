import { setTimeout as sleep } from 'node:timers/promises';
import { Sender } from './ack-log.js';
import { eventually } from './hookline.js';
import { Program } from './program.js';

export interface Attack {
  /** @param port of the server that is attacked */
  begin(port: number): Promise<void>;
  end(): Promise<void>;
}

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

/**
 * In the rounds without it the attack is on a decoy of the same machine: what the attackers take of its processors
 * for themselves is the same in both, and what is left is what they cost the server.
 *
 * @param length milliseconds of a round
 */
export async function slowdown(
  url: string,
  rounds: number,
  length: number,
  attack: Attack,
): Promise<Slowdown> {
  const decoy = new Program('decoy', []);
  try {
    const without = Number(await eventually('the decoy listens', async () => decoy.output || undefined));
    const under = Number(new URL(url).port);
    const counts = new Map<number, number[]>([
      [without, []],
      [under, []],
    ]);
    let unanswered = 0;
    const round = async (): Promise<number> => {
      const sender = new Sender(url, 8, 0);
      await sleep(length);
      await sender.stop();
      unanswered += sender.unanswered;
      return sender.acks.length;
    };
    await round();
    for (let n = 0; n < rounds; n++) {
      for (const [port, found] of counts) {
        await attack.begin(port);
        found.push(await round());
        await attack.end();
      }
    }
    const [least, most] = [median(counts.get(under) ?? []), median(counts.get(without) ?? [])];
    return { without: most, under: least, ratio: least / most, unanswered };
  } finally {
    await decoy.kill();
  }
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}
