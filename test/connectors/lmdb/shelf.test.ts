import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LmdbSpool } from '../../../connectors/lmdb/spool.js';
import { silent } from '../../../core/conformance/instantiate.js';
import { fill, makeRecord, sealNext } from '../../../core/conformance/spool/records.js';
import { laneId } from '../../../core/index.js';
import { SetClock } from '../../support/set-clock.js';

const lane = laneId('835212', 'warehouse');
const day = 86_400_000;

describe('what an lmdb spool keeps for a time', () => {
  let path: string;
  let clock: SetClock;
  let spool: LmdbSpool;

  const open = async () => {
    clock.trusted = clock.process();
    spool = new LmdbSpool({ path, maxSize: 1024 ** 3 }, silent, clock.trusted);
    await spool.open();
    await spool.claim(AbortSignal.timeout(20_000));
    spool.quarantine.keep(7 * day);
    spool.receipts.keep(7 * day);
    await spool.pending();
  };

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'hookline-shelf-'));
    clock = new SetClock();
    await open();
    await add();
  });

  afterEach(async () => {
    await spool.close();
    await rm(path, { recursive: true });
  });

  /** One that is held, and one that has landed. */
  async function add(): Promise<void> {
    await fill(spool, lane, 1);
    const [record] = await spool.read(lane, { rows: 1, bytes: 1e9 });
    if (record === undefined) throw new Error('nothing waits');
    await spool.seal(lane, [], [{ record, reason: 'expired token' }]);
    await spool.append([lane], makeRecord());
    const batch = await sealNext(spool, lane, 1);
    await spool.settle(batch, 'landed');
  }

  async function kept(): Promise<[number, number]> {
    await spool.pending();
    let receipts = 0;
    for await (const some of spool.receipts.summaries(lane)) receipts += some.length;
    return [(await spool.quarantine.list({})).length, receipts];
  }

  it('goes when its time is over', async () => {
    clock.run(1000);
    expect(await kept()).to.deep.equal([1, 1]);
    clock.wall += 6 * day;
    clock.monotonic += 6 * day;
    expect(await kept()).to.deep.equal([1, 1]);
    clock.wall += day;
    clock.monotonic += day;
    expect(await kept()).to.deep.equal([0, 0]);
  });

  it('stays when the clock is set ahead for a while, or back while it is kept', async () => {
    clock.wall += 8 * day;
    expect(await kept()).to.deep.equal([1, 1]);
    clock.run(6000);
    clock.wall -= 8 * day;
    expect(await kept()).to.deep.equal([1, 1]);
    clock.run(11 * 60_000);
    clock.wall -= 365 * day;
    await add();
    clock.wall += 365 * day;
    clock.run(11 * 60_000);
    expect(await kept()).to.deep.equal([2, 2]);
    clock.wall += 8 * day;
    clock.run(11 * 60_000);
    expect(await kept()).to.deep.equal([0, 0]);
  });

  it('stays when the clock was set before the process started', async () => {
    await spool.close();
    clock.wall += 8 * day;
    await open();
    expect(await kept()).to.deep.equal([1, 1]);
    clock.run(11 * 60_000);
    expect(await kept()).to.deep.equal([0, 0]);
  });
});
