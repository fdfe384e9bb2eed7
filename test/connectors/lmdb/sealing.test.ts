import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LmdbSpool } from '../../../connectors/lmdb/spool.js';
import { fill, ids, lane, makeRecord, plenty, sealNext } from '../../../core/conformance/spool/records.js';
import type { SpoolRecord } from '../../../core/contract/spool.js';

/** A block of LMDB's data file. */
const block = 4096;

describe('sealing in an LMDB spool', () => {
  let path: string;
  let spool: LmdbSpool;
  let errors: string[];

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'hookline-sealing-'));
    errors = [];
    await reopen();
  });
  afterEach(async () => {
    await spool.close();
    await rm(path, { recursive: true });
  });

  async function reopen(): Promise<void> {
    await spool?.close();
    const note = (_: object, message: string) => errors.push(message);
    spool = new LmdbSpool({ path, maxSize: 2 ** 30 }, { error: note, warn: note });
    await spool.open();
    await spool.claim(AbortSignal.timeout(5000));
  }

  /** Appends that many of about half a KB, which get a page of their own. */
  async function page(count: number): Promise<SpoolRecord[]> {
    const records = Array.from({ length: count }, () => makeRecord({ body: Buffer.alloc(500, '1') }));
    await Promise.all(records.map((record) => spool.append([lane], record)));
    await spool.pending();
    return records;
  }

  /** The block in which the record lies reads as zeros from here on. */
  async function zero({ requestId }: SpoolRecord): Promise<void> {
    await spool.close();
    const file = join(path, 'data.mdb');
    const at = (await readFile(file)).lastIndexOf(requestId);
    const data = await open(file, 'r+');
    await data.write(Buffer.alloc(block), 0, block, at - (at % block));
    await data.close();
    await reopen();
  }

  /** As a lane does with what is damaged: gives what has landed, and how many have died. */
  async function deliverAll(): Promise<{ landed: string[]; died: number }> {
    const landed: string[] = [];
    for (let died = 0; ; ) {
      const batch = await spool.sealed(lane);
      if (batch === undefined) return { landed, died };
      if (!batch.rows.some(({ damaged }) => damaged === true)) {
        landed.push(...ids(batch.rows));
        await spool.settle(batch, 'landed');
      } else if (batch.rows.length > 1) {
        await spool.split(batch);
      } else {
        died++;
        await spool.settle(batch, { reason: 'the disk has changed it' });
      }
    }
  }

  const discarded = (records: Awaited<ReturnType<LmdbSpool['read']>>) =>
    records.map((record) => ({ record, reason: 'wrong token' as const }));

  it('refuses what a commit that was late has discarded, though others lie by now where it lay', async () => {
    await fill(spool, lane, 10);
    const stale = await spool.read(lane, plenty);
    await spool.seal(lane, [], discarded(stale));
    const good = await fill(spool, lane, 10);
    await spool.pending();
    for (const seal of [() => spool.seal(lane, [], discarded(stale)), () => spool.seal(lane, stale, [])]) {
      const refusal = await seal().then(
        () => 'sealed',
        ({ message }: Error) => message,
      );
      expect(refusal).to.include('sealed already; read again');
    }
    expect(ids(await spool.read(lane, plenty)).toSorted()).to.deep.equal(ids(good).toSorted());
  });

  it('gives what is left of a batch of which a page is damaged from end to end, and says so once', async () => {
    const [lost, kept] = [await page(5), await page(5)];
    await sealNext(spool, lane, 10);
    const next = await page(3);
    await zero(lost[4] as SpoolRecord);
    expect((await spool.sealed(lane))?.rows).to.have.length(6);
    const { landed, died } = await deliverAll();
    expect(died).to.equal(1);
    expect(landed.toSorted()).to.deep.equal(ids(kept).toSorted());
    expect(
      errors.filter((error) => /sealed with 10 rows and has 6: .* look after/.test(error)),
    ).to.have.length(1);
    expect(ids(await spool.read(lane, plenty)).toSorted()).to.deep.equal(ids(next).toSorted());
  });

  it('gives no number of a sealed batch again, though its page does not show any more how many there were', async () => {
    const lost = await page(5);
    await sealNext(spool, lane, 5);
    await zero(lost[4] as SpoolRecord);
    const next = await page(8);
    expect(await deliverAll(), 'what nobody has judged').to.deep.equal({ landed: [], died: 1 });
    expect(ids(await spool.read(lane, plenty)).toSorted()).to.deep.equal(ids(next).toSorted());
  });

  it('lets a batch go of which nothing is there any more', async () => {
    const lost = await page(5);
    const batch = await sealNext(spool, lane, 5);
    await spool.split(batch);
    await zero(lost[4] as SpoolRecord);
    const next = await page(2);
    expect(await deliverAll()).to.deep.equal({ landed: [], died: 1 });
    expect(errors.join('\n')).to.match(/was sealed with 2 rows and has 0: /);
    expect(ids(await spool.read(lane, plenty)).toSorted()).to.deep.equal(ids(next).toSorted());
  });

  it('keeps a dead letter of each damaged record, also where they all look alike', async () => {
    const records = Array.from({ length: 100 }, () => makeRecord({ body: Buffer.alloc(40, '1') }));
    await Promise.all(records.map((record) => spool.append([lane], record)));
    await spool.pending();
    await sealNext(spool, lane, 100);
    await zero(records[50] as SpoolRecord);
    const { landed, died } = await deliverAll();
    expect(died).to.be.greaterThan(20);
    expect(landed).to.have.length(100 - died);
    expect(await spool.dead({})).to.have.length(died);
  });
});
