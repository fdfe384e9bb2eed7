import { createHash, randomBytes, randomInt, randomUUID } from 'node:crypto';
import { type LaneId, laneId, type SealedBatch, type Spool, type SpoolRecord } from '../../contract/spool.js';

/** What the claims append, and the engine's ways with it. */

export const lane = laneId('835212', 'warehouse');
export const other = laneId('835212', 'lake');
export const plenty = { rows: 1_000_000, bytes: 1_000_000_000 } as const;

const letters = 'abcdefghijklmnopqrstuvwxyz';
let clock = 1_577_015_690;

/** A record like the ack path's, each a little younger than the one before. */
export function makeRecord(over: Partial<SpoolRecord> = {}): SpoolRecord {
  const requestId = Array.from(randomBytes(20), (byte) => letters[byte % 26]).join('');
  clock += 0.001;
  return {
    requestId,
    timestamp: clock,
    key: randomUUID(),
    body: Buffer.from(JSON.stringify({ requestId, filler: 'x'.repeat(randomInt(0, 600)) })),
    tokenDigest: new Uint8Array(createHash('sha256').update(requestId).digest()),
    ...over,
  };
}

/** Appends that many records, all in flight at once. */
export async function fill(spool: Spool, lane: LaneId, count: number): Promise<SpoolRecord[]> {
  const records = Array.from({ length: count }, () => makeRecord());
  await Promise.all(records.map((record) => spool.append([lane], record)));
  return records;
}

export async function sealNext(spool: Spool, lane: LaneId, rows: number): Promise<SealedBatch> {
  const batch = await spool.seal(lane, await spool.read(lane, { ...plenty, rows }), []);
  if (batch === undefined) throw new Error('seal made no batch of the rows that it was given');
  return batch;
}

/** Seals that many rows one by one, and lets each of them die. */
export async function bury(spool: Spool, lane: LaneId, rows: number, reason = 'no'): Promise<void> {
  for (let left = rows; left > 0; left--) await spool.settle(await sealNext(spool, lane, 1), { reason });
}

/** Loads what is there as the engine does, batch by batch; gives the request ids in order. */
export async function settleAll(spool: Spool, lane: LaneId, rows = 1000): Promise<string[]> {
  const landed: string[] = [];
  for (;;) {
    let batch = await spool.sealed(lane);
    if (batch === undefined) {
      const read = await spool.read(lane, { ...plenty, rows });
      if (read.length === 0) return landed;
      batch = await spool.seal(lane, read, []);
    }
    if (batch === undefined) continue;
    landed.push(...ids(batch.rows));
    await spool.settle(batch, 'landed');
  }
}

export function ids(records: readonly { readonly requestId: string }[]): string[] {
  return records.map(({ requestId }) => requestId);
}

/** The bodies' lengths together. */
export function sum(records: readonly { readonly body: Uint8Array }[]): number {
  return records.reduce((bytes, { body }) => bytes + body.length, 0);
}
