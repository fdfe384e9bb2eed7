import { createHash } from 'node:crypto';
import type { DeadFilter, Depth, LaneId, SealedBatch, Spool, SpoolRecord } from '../../contract/spool.js';
import { Child } from '../child.js';
import { type Claim, makeClaim } from '../claim.js';
import { same } from '../proof.js';
import { offered } from '../subject.js';
import { ids, plenty } from './records.js';
import type { SpoolSubject } from './subject.js';

/** One claim's storage, and what looks at it. */
export interface Stage {
  /** Opened, and holding the claim. */
  readonly spool: Spool;
  /** Opens a further view. */
  open(): Promise<Spool>;
  /** Opens a further view, which takes the claim. */
  claimed(): Promise<Spool>;
  /** Runs a program of this folder on the storage; killed at the latest when the claim is done. */
  start(program: string, order: object): Child;
}

export type SpoolClaim = (
  name: string,
  obligation: string,
  prove: (stage: Stage) => Promise<void>,
  limit?: number,
) => Claim;

export function spoolStages<S>(subject: SpoolSubject<S>): SpoolClaim {
  return (name, obligation, prove, limit) =>
    makeClaim(name, obligation, async () => {
      const storage = await subject.create(limit);
      const opened: Spool[] = [];
      const children: Child[] = [];
      const open = async () => {
        const spool = subject.view(storage);
        opened.push(spool);
        await spool.open(AbortSignal.timeout(20_000));
        return spool;
      };
      const claimed = async () => {
        const spool = await open();
        await spool.claim(AbortSignal.timeout(20_000));
        return spool;
      };
      const start = (program: string, order: object) => {
        const location = offered('process', subject.process)?.(storage);
        const child = new Child(new URL(`./${program}.js`, import.meta.url), { ...location, ...order });
        children.push(child);
        return child;
      };
      try {
        await prove({ spool: await claimed(), open, claimed, start });
      } finally {
        for (const child of children) await child.kill();
        for (const spool of opened.reverse()) await spool.close();
        await subject.remove(storage);
      }
    });
}

export async function expectDepth(spool: Spool, lane: LaneId, expected: Depth): Promise<void> {
  same(`the depth of ${lane}`, await spool.depth(lane), expected);
}

/** That the lane has so many records, sealed or not. */
export async function expectRecords(spool: Spool, lane: LaneId, expected: number): Promise<void> {
  same(`the records in ${lane}`, (await spool.depth(lane)).records, expected);
}

export async function expectPending(spool: Spool, expected: readonly LaneId[]): Promise<void> {
  same('the pending lanes', (await spool.pending()).sort(), expected.toSorted());
}

/** That exactly these records are not sealed yet, in that order. */
export async function expectRead(
  spool: Spool,
  lane: LaneId,
  expected: readonly SpoolRecord[],
): Promise<void> {
  same(`what is read from ${lane}`, ids(await spool.read(lane, plenty)), ids(expected));
}

export async function expectDead(
  spool: Spool,
  filter: DeadFilter,
  expected: readonly { readonly lane: LaneId; readonly requestId: string }[],
): Promise<void> {
  const found = (await spool.dead(filter)).map(({ lane, requestId }) => ({ lane, requestId }));
  same(`the dead letters by ${JSON.stringify(filter)}`, found, expected);
}

export function expectSameRecords(
  what: string,
  found: readonly SpoolRecord[] | undefined,
  expected: readonly SpoolRecord[],
): void {
  same(what, found?.map(comparable), expected.map(comparable));
}

export function expectSameBatch(what: string, found: SealedBatch | undefined, expected: SealedBatch): void {
  const head = (batch: SealedBatch | undefined) => batch && [batch.id, batch.lane, batch.bytes];
  same(`${what}: its id, lane and bytes`, head(found), head(expected));
  expectSameRecords(`${what}: its rows`, found?.rows, expected.rows);
}

/** A record's content in a form that compares quickly, and that fails readably. */
function comparable({ requestId, timestamp, key, tokenDigest, body }: SpoolRecord): object {
  return {
    requestId,
    timestamp,
    key,
    digest: Buffer.from(tokenDigest).toString('hex'),
    length: body.length,
    body: createHash('sha256').update(body).digest('hex'),
  };
}
