import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import lmdb from '../../../connectors/lmdb/index.js';
import { instantiate, pluginOf } from '../../../core/conformance/instantiate.js';
import type { NewestBatch } from '../../../core/contract/serials.js';
import { laneId, type SealedBatch, type Spool } from '../../../core/contract/spool.js';
import { OriginGuard } from '../../../core/delivery/origin-guard.js';
import { Outlet } from '../../../core/delivery/outlet.js';
import { newRequestId } from '../../../core/intake/identity.js';
import { ScriptedDestination } from '../../support/scripted-destination.js';

const lane = laneId('1', 'out');
const policy = {
  flush: { rows: 8, bytes: 1024 ** 2, every: 20 },
  concurrency: 1,
  timeout: 5000,
  haltAfter: 100,
};

describe('the guard against spools that were restored', () => {
  const { signal } = new AbortController();
  let folder: string;
  let spool: Spool;
  let guard: OriginGuard;
  /** What the ledger has. */
  let newest: NewestBatch | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-origins-'));
    newest = undefined;
    await begin();
  });

  afterEach(async () => {
    await spool.close();
    await rm(folder, { recursive: true });
  });

  /** Another process: it knows what the spool says. */
  async function begin(): Promise<void> {
    await spool?.close();
    spool = instantiate(pluginOf(lmdb, 'spool', 'lmdb'), { path: folder }, 'spool');
    await spool.open(signal);
    spool.receipts?.keep(60_000);
    await spool.claim(signal);
    guard = new OriginGuard(spool);
  }

  function outlet(name = 'out'): Outlet {
    const destination = Object.assign(new ScriptedDestination(), { newestBatch: async () => newest });
    return new Outlet(name, destination, policy);
  }

  const expects = (...outlets: readonly Outlet[]) =>
    guard.expect(new Map(outlets.map((one) => [one.name, one])));

  async function seal(): Promise<SealedBatch> {
    const [body, key] = [Buffer.from('1'), randomUUID()];
    const tokenDigest = new Uint8Array(32);
    await spool.append([lane], { requestId: newRequestId(), timestamp: 1, key, tokenDigest, body });
    await spool.pending();
    const batch = await spool.seal(lane, await spool.read(lane, { rows: 1, bytes: 9 }), []);
    if (batch?.origin === undefined) throw new Error('it has no serial');
    newest = { id: batch.id, serial: batch.origin.serial };
    return batch;
  }

  const refusal = async (of: Outlet) => guard.agree(of, signal).then(() => undefined, String);

  for (const isSettled of [true, false]) {
    it(`is content with what landed while a reload began${isSettled ? '' : ', and was not noted'}`, async () => {
      const before = outlet();
      await expects(before);
      await guard.agree(before, signal);
      // The lane's last batch by the configuration before.
      await expects(outlet());
      const batch = await seal();
      if (isSettled) await spool.settle(batch, 'landed');
      await begin();
      const after = outlet();
      await expects(after);
      expect(await refusal(after)).to.equal(undefined);
    });
  }

  it('is content with what another name of the ledger has landed before this process', async () => {
    const [used, unused] = [outlet('used'), outlet('unused')];
    await expects(used, unused);
    await guard.agree(used, signal);
    await spool.settle(await seal(), 'landed');
    await begin();
    await expects(used, unused);
    expect(await refusal(unused)).to.equal(undefined);
  });

  it('refuses what the spool does not know', async () => {
    const out = outlet();
    await expects(out);
    newest = { id: '018f0000-0000-7000-8000-000000000000', serial: 1 };
    expect(await refusal(out)).to.include('was restored from a backup or copied');
  });
});
