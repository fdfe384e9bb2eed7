import { setTimeout as sleep } from 'node:timers/promises';
import type { TestPostgres } from '../../support/postgres.js';
import type { Generator } from '../load.js';
import { Landed } from './landed.js';
import { NumberedSender } from './numbered-sender.js';
import type { Peer, RunningPeer } from './peer.js';

const connections = 64;

/** What one round finds of a peer. */
export interface Trial {
  /** Answers a second, while it lands. */
  readonly acks: number;
  /** Milliseconds, of an answer. */
  readonly p50: number;
  readonly p99: number;
  /** Answers other than 2xx, and connections that failed. */
  readonly failed: number;
  /** Rows a second, from the first request until the last row is there. */
  readonly landed: number;
  /**
   * Answered 2xx and never landed, although nothing was killed. By the generator's rate, whose seconds are a
   * little longer than the clock's, so a hundredth may go unseen.
   */
  readonly missing: number;
  readonly kill: Kill;
}

/** What a SIGKILL in the middle of the load did, once the peer had been started again and was quiet. */
export interface Kill {
  readonly acked: number;
  /** Answered 2xx, and not there. */
  readonly lost: number;
  /** There more than once. */
  readonly doubled: number;
}

/** One round: speed on an empty database, then the kill on another. */
export async function tryOut(
  peer: Peer,
  postgres: TestPostgres,
  load: Generator,
  seconds: number,
): Promise<Trial> {
  const speed = await onEmptyDatabase(peer, postgres, (running, landed) =>
    measure(running, landed, load, seconds),
  );
  const kill = await onEmptyDatabase(peer, postgres, (running, landed) => killAmid(running, landed, seconds));
  return { ...speed, kill };
}

async function measure(
  { url }: RunningPeer,
  landed: Landed,
  load: Generator,
  seconds: number,
): Promise<Omit<Trial, 'kill'>> {
  await load(url, connections, 2);
  const before = await landed.settled();
  const begun = performance.now();
  const { rate, p50, p99, failed } = await load(url, connections, seconds);
  const after = await landed.settled();
  const rows = after.rows - before.rows;
  return {
    acks: rate,
    p50,
    p99,
    failed,
    landed: rows / ((after.at - begun) / 1000),
    missing: Math.max(0, Math.round(rate * seconds) - rows),
  };
}

async function killAmid(running: RunningPeer, landed: Landed, seconds: number): Promise<Kill> {
  const sender = new NumberedSender(running.url);
  const sending = sender.sendUntilClosed(connections);
  await sleep((seconds * 1000) / 2);
  await running.kill();
  await sending;
  if (sender.acked.size === 0) throw new Error('nothing was answered 2xx before the kill');
  await running.restart();
  await landed.settled();
  const numbers = await landed.numbers();
  return {
    acked: sender.acked.size,
    lost: [...sender.acked].filter((number) => !numbers.has(number)).length,
    doubled: [...numbers.values()].filter((times) => times > 1).length,
  };
}

/** Starts the peer, and removes it and the database afterwards. */
export async function onEmptyDatabase<T>(
  peer: Peer,
  postgres: TestPostgres,
  what: (running: RunningPeer, landed: Landed) => Promise<T>,
): Promise<T> {
  const database = await postgres.createDatabase();
  const running = await peer.start(database);
  const landed = await Landed.look(database, peer);
  try {
    return await what(running, landed);
  } finally {
    await landed.close();
    await running.destroy();
    await postgres.sql(postgres.url(), `DROP DATABASE "${new URL(database).pathname.slice(1)}" WITH (FORCE)`);
  }
}
