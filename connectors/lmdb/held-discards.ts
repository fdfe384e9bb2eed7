import {
  type Discard,
  type HeldCounts,
  type HeldDiscard,
  type HeldFilter,
  type LaneId,
  laneParts,
  type TrustedClock,
} from '../../core/index.js';
import type { Environment } from './environment.js';
import { decodeHeld, encodeHeld, type Held } from './held-entry.js';
import { timeOf } from './keys.js';
import { newEntry, type StoredEntry } from './record.js';
import { Shelf, type Weight } from './shelf.js';
import { roomFor } from './strangers.js';

/** What failed authentication, with its body, in the order in which it is to be thrown away. */
export class HeldDiscards {
  readonly #shelf: Shelf<Held>;

  /** @param share bytes that it may take */
  constructor(environment: Environment, share: number, clock: TrustedClock) {
    this.#shelf = new Shelf<Held>(environment, {
      name: 'held',
      codec: { encode: encodeHeld, decode: decodeHeld },
      share,
      clock,
      weigh: ({ entry }) => ({ count: 1, bytes: roomFor(entry.body.length) }),
    });
  }

  keep(duration: number | undefined): void {
    this.#shelf.keep(duration);
  }

  async makeRoom(discarded: readonly Discard[]): Promise<void> {
    if (this.#shelf.open) await this.#shelf.makeRoom(weightOf(discarded));
  }

  /** Prepares the writes that hold these; run the result within the batch that drops the records. */
  holding(lane: LaneId, discarded: readonly Discard[], epoch: number): () => void {
    if (!this.#shelf.open) return () => undefined;
    return this.#shelf.putting(lane, weightOf(discarded), epoch, (at) =>
      discarded.map(({ record, reason }) => {
        return { lane, reason, at, entry: { ...newEntry(record), unproven: false } };
      }),
    );
  }

  list(filter: HeldFilter): HeldDiscard[] {
    const { limit = Number.POSITIVE_INFINITY, bytes = Number.POSITIVE_INFINITY, after } = filter;
    const reason = filter.reason?.toLowerCase();
    const found: HeldDiscard[] = [];
    let sum = 0;
    for (const { key, value } of this.#shelf.entries(after && Buffer.from(after.id, 'hex'))) {
      const { entry, lane } = value;
      if (filter.requestId !== undefined && filter.requestId !== entry.requestId) continue;
      if (filter.key !== undefined && filter.key !== entry.key) continue;
      if (filter.pipeline !== undefined && filter.pipeline !== laneParts(lane).pipeline) continue;
      if (reason !== undefined && !value.reason.includes(reason)) continue;
      sum += entry.body.length;
      if (found.length >= limit || (found.length > 0 && sum > bytes)) break;
      found.push(heldOf(key, value));
    }
    return found;
  }

  /** Within a transaction: takes it out; `undefined` when it is not there. */
  take({ id }: HeldDiscard): StoredEntry | undefined {
    return this.#shelf.take(Buffer.from(id, 'hex'))?.entry;
  }

  counts(): HeldCounts {
    const { entries: held, bytes, thrownAway } = this.#shelf.counts();
    return { held, bytes, thrownAway };
  }

  async trim(): Promise<void> {
    await this.#shelf.trim();
  }
}

function weightOf(discarded: readonly Discard[]): Weight {
  const bytes = discarded.reduce((sum, { record }) => sum + roomFor(record.body.length), 0);
  return { count: discarded.length, bytes };
}

function heldOf(id: Buffer, { lane, reason, at, entry }: Held): HeldDiscard {
  const { requestId, timestamp, key, body, tokenDigest } = entry;
  return {
    id: id.toString('hex'),
    requestId,
    timestamp,
    key,
    body,
    lane,
    tokenDigest,
    reason,
    discardedAt: new Date(at),
    heldUntil: new Date(timeOf(id)),
  };
}
