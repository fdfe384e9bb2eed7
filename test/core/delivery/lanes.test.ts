import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import lmdb from '../../../connectors/lmdb/index.js';
import { instantiate, pluginOf, silent } from '../../../core/conformance/instantiate.js';
import { ProcessMetrics } from '../../../core/contract/metrics.js';
import type { DestinationPolicy, Pipeline } from '../../../core/contract/pipeline.js';
import { laneId, type Spool } from '../../../core/contract/spool.js';
import { Authenticator } from '../../../core/delivery/authenticator.js';
import { Engine } from '../../../core/delivery/engine.js';
import { Outlet } from '../../../core/delivery/outlet.js';
import { newRequestId } from '../../../core/intake/identity.js';
import { digestOf } from '../../../core/intake/request.js';
import { mint } from '../../../core/operations/mint.js';
import { eventually } from '../../support/hookline.js';
import { ScriptedDestination } from '../../support/scripted-destination.js';
import { ScriptedTokens } from '../../support/scripted-tokens.js';

const policy: DestinationPolicy = {
  flush: { rows: 1, bytes: 1024, every: 10 },
  concurrency: 4,
  timeout: 60_000,
  haltAfter: 100,
};

/** A destination that notes when it is closed, and can be made to hang. */
class Warehouse extends ScriptedDestination {
  closed = false;

  override async close(): Promise<void> {
    this.closed = true;
  }

  /** The next write waits until the function that this returns is called. */
  hang(): () => void {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.writeFaults.push(() => held);
    return release;
  }
}

describe('the lanes, when another configuration comes', () => {
  const token = mint({ description: 'good' });
  let folder: string;
  let spool: Spool;
  let engine: Engine;
  let authenticator: Authenticator;
  let metrics: ProcessMetrics;
  let old: Warehouse;
  let steady: Warehouse;
  let outlets: Map<string, Outlet>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-lanes-'));
    spool = instantiate(pluginOf(lmdb, 'spool', 'lmdb'), { path: folder }, 'spool');
    await spool.open(AbortSignal.timeout(5000));
    const tokens = new ScriptedTokens();
    await tokens.create(token.stored);
    authenticator = new Authenticator(tokens);
    metrics = new ProcessMetrics();
    old = new Warehouse();
    steady = new Warehouse();
    outlets = new Map([outletOf('a', old), outletOf('b', steady)]);
    engine = new Engine(spool, pipelines('a', 'b'), outlets, authenticator, silent, metrics);
    await engine.start((error) => {
      throw error;
    });
  });

  afterEach(async () => {
    await engine.stop(100);
    await spool.close();
    await rm(folder, { recursive: true });
  });

  function outletOf(name: string, destination: Warehouse): [string, Outlet] {
    return [name, new Outlet(name, destination, policy)];
  }

  /** One pipeline for each destination, of its name's number: a is 1, b is 2. */
  function pipelines(...names: string[]): Map<string, Pipeline> {
    return new Map(
      names.map((name) => {
        const id = idOf(name);
        return [id, { id, name, destinations: [name], table: name, paused: false }];
      }),
    );
  }

  function idOf(name: string): string {
    return String(name.charCodeAt(0) - 96);
  }

  async function append(destination: string, body: string): Promise<void> {
    await spool.append([laneId(idOf(destination), destination)], {
      requestId: newRequestId(),
      timestamp: Date.now() / 1000,
      key: token.stored.key,
      tokenDigest: digestOf(token.token),
      body: Buffer.from(body),
    });
  }

  async function landed(destination: Warehouse, ...bodies: string[]): Promise<void> {
    await eventually(
      `${bodies} has landed`,
      async () => bodies.every((each) => destination.bodies.includes(each)) || undefined,
    );
    expect(destination.bodies).to.deep.equal(bodies);
  }

  it('that it does not change go on while a write of one that it changes hangs; the new one begins after it, elsewhere', async () => {
    const release = old.hang();
    await append('a', '1');
    await eventually('it is being written', async () => old.tried.length > 0 || undefined);
    await append('a', '2');
    const fresh = new Warehouse();
    const after = new Map([outletOf('a', fresh), ['b', outlets.get('b') as Outlet]] as const);
    const changed = engine.change({ pipelines: pipelines('a', 'b'), outlets: after, authenticator }, 60_000);
    await append('b', '3');
    await landed(steady, '3');
    expect([old.closed, fresh.tried]).to.deep.equal([false, []]);
    release();
    await changed;
    await landed(old, '1');
    await landed(fresh, '2');
    expect([old.closed, steady.closed, fresh.closed]).to.deep.equal([true, false, false]);
  });

  it('that hang longer than the grace are given up, and the batch comes again at the new destination under its id', async () => {
    const release = old.hang();
    await append('a', '1');
    await eventually('it is being written', async () => old.tried.length > 0 || undefined);
    const fresh = new Warehouse();
    await engine.change(
      { pipelines: pipelines('a'), outlets: new Map([outletOf('a', fresh)]), authenticator },
      100,
    );
    await landed(fresh, '1');
    expect(fresh.tried).to.deep.equal(old.tried);
    release();
  });

  it('that are changed twice begin once, by the last one, after all that was before', async () => {
    const release = old.hang();
    await append('a', '1');
    await eventually('it is being written', async () => old.tried.length > 0 || undefined);
    await append('a', '2');
    const [second, third] = [new Warehouse(), new Warehouse()];
    const changes = [second, third].map((fresh) =>
      engine.change(
        { pipelines: pipelines('a'), outlets: new Map([outletOf('a', fresh)]), authenticator },
        60_000,
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(third.tried).to.deep.equal([]);
    release();
    await Promise.all(changes);
    await landed(third, '2');
    expect([second.tried, second.closed]).to.deep.equal([[], true]);
  });

  it('that are removed keep their records, are in no gauge any more, and land them when they are put back', async () => {
    const { b, ...rest } = Object.fromEntries(outlets);
    const gauges = /"destination":"b","state"/;
    expect(JSON.stringify(await metrics.json())).to.match(gauges);
    await engine.change(
      { pipelines: pipelines('a'), outlets: new Map(Object.entries(rest)), authenticator },
      1000,
    );
    await append('b', '1');
    await eventually('it is known', async () => ((await engine.orphans()).length > 0 ? true : undefined));
    expect(await engine.orphans()).to.deep.equal([{ pipeline: '2', destination: 'b', records: 1 }]);
    expect(engine.reports().map(({ destination }) => destination)).to.deep.equal(['a']);
    await engine.report();
    expect(JSON.stringify(await metrics.json())).not.to.match(gauges);
    const back = new Warehouse();
    await engine.change(
      {
        pipelines: pipelines('a', 'b'),
        outlets: new Map([...Object.entries(rest), outletOf('b', back)]),
        authenticator,
      },
      1000,
    );
    await landed(back, '1');
    expect(await engine.orphans()).to.deep.equal([]);
    expect(b?.name).to.equal('b');
  });
});
