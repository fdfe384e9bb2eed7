import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import lmdb from '../../../connectors/lmdb/index.js';
import { instantiate, pluginOf } from '../../../core/conformance/instantiate.js';
import { bury, fill, ids, lane, plenty } from '../../../core/conformance/spool/records.js';
import type { Quarantine } from '../../../core/contract/quarantine.js';
import type { Spool } from '../../../core/contract/spool.js';
import { deadPages, heldPages } from '../../../core/operations/pages.js';

const day = 86_400_000;

describe('the pages of a list', () => {
  const TrueDate = Date;
  let folder: string;
  let spool: Spool;
  let quarantine: Quarantine;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-pages-'));
    spool = instantiate(pluginOf(lmdb, 'spool', 'lmdb'), { path: folder }, 'spool');
    await spool.open(AbortSignal.timeout(5000));
    await spool.claim(AbortSignal.timeout(5000));
    if (spool.quarantine === undefined) throw new Error('the embedded spool has a quarantine');
    quarantine = spool.quarantine;
  });

  afterEach(async () => {
    globalThis.Date = TrueDate;
    await spool.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** What the process takes for the time of day from now on. */
  function setClock(shift: number): void {
    globalThis.Date = class extends TrueDate {
      constructor(...parts: [] | [number]) {
        if (parts.length === 0) super(TrueDate.now() + shift);
        else super(...parts);
      }

      static override now(): number {
        return TrueDate.now() + shift;
      }
    } as DateConstructor;
  }

  async function discard(count: number): Promise<string[]> {
    const records = await fill(spool, lane, count);
    const rows = await spool.read(lane, plenty);
    await spool.seal(
      lane,
      [],
      rows.map((record) => ({ record, reason: 'wrong token' })),
    );
    return ids(records);
  }

  it('have the dead letters from before the clock was set back, too', async () => {
    setClock(3_600_000);
    const early = ids(await fill(spool, lane, 2));
    await bury(spool, lane, 2);
    setClock(0);
    const late = ids(await fill(spool, lane, 2));
    await bury(spool, lane, 2);
    await sleep(2);
    const seen: string[] = [];
    for await (const page of deadPages(spool, {})) seen.push(...ids(page));
    // What dies within one millisecond has no order.
    expect(seen.slice(0, 2)).to.have.members(late);
    expect(seen.slice(2)).to.have.members(early);
  });

  it('have each dead letter once that is put back and dies again at once', async () => {
    const dying = ids(await fill(spool, lane, 130));
    await bury(spool, lane, 130);
    await sleep(2);
    const seen: string[] = [];
    for await (const page of deadPages(spool, {})) {
      seen.push(...ids(page));
      for (const letter of page) await spool.revive(letter);
      await bury(spool, lane, page.length);
    }
    expect(seen).to.have.members(dying);
    expect(await spool.dead({})).to.have.length(130);
  });

  it('have all that is held, while strangers go on and the time to hold was shortened', async () => {
    quarantine.keep(7 * day);
    const long = await discard(150);
    quarantine.keep(day);
    const short = await discard(150);
    await sleep(2);
    const seen: string[] = [];
    for await (const page of heldPages(quarantine, {})) {
      seen.push(...ids(page));
      await discard(1);
    }
    expect(seen).to.deep.equal([...short, ...long]);
  });
});
