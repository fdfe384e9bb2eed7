import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import lmdb from '../../../connectors/lmdb/index.js';
import { instantiate, pluginOf } from '../../../core/conformance/instantiate.js';
import type { Row } from '../../../core/contract/chart.js';
import { ConfigError, FencedError, PermanentError, RetryableError } from '../../../core/contract/errors.js';
import type { Logger } from '../../../core/contract/logger.js';
import { ProcessMetrics } from '../../../core/contract/metrics.js';
import type { DestinationPolicy, Pipeline } from '../../../core/contract/pipeline.js';
import { discardReasons, laneId, type Spool } from '../../../core/contract/spool.js';
import { Authenticator } from '../../../core/delivery/authenticator.js';
import { Caution } from '../../../core/delivery/caution.js';
import { Lane } from '../../../core/delivery/lane.js';
import { LaneMetrics } from '../../../core/delivery/lane-metrics.js';
import { OriginGuard } from '../../../core/delivery/origin-guard.js';
import { Outlet } from '../../../core/delivery/outlet.js';
import { newRequestId } from '../../../core/intake/identity.js';
import { digestOf } from '../../../core/intake/request.js';
import { mint } from '../../../core/operations/mint.js';
import { eventually } from '../../support/hookline.js';
import { ScriptedDestination } from '../../support/scripted-destination.js';
import { ScriptedTokens } from '../../support/scripted-tokens.js';

const pipeline: Pipeline = { id: '1', name: 'One', destinations: ['out'], table: 'one', paused: false };
const policy: DestinationPolicy = {
  flush: { rows: 8, bytes: 1024 ** 2, every: 20 },
  concurrency: 1,
  timeout: 500,
  haltAfter: 100,
};

describe('a lane', () => {
  const id = laneId('1', 'out');
  const good = mint({ description: 'good' });
  let folder: string;
  let spool: Spool;
  let tokens: ScriptedTokens;
  let destination: ScriptedDestination;
  let outlet: Outlet;
  let lane: Lane;
  let metrics: ProcessMetrics;
  let rest: AbortController;
  let abort: AbortController;
  let fencedBy: unknown;
  let time: number;
  let said: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-lane-'));
    spool = makeSpool();
    await spool.open(AbortSignal.timeout(5000));
    await spool.claim(AbortSignal.timeout(5000));
    tokens = new ScriptedTokens();
    await tokens.create(good.stored);
    destination = new ScriptedDestination();
    outlet = new Outlet('out', destination, policy);
    metrics = new ProcessMetrics();
    rest = new AbortController();
    abort = new AbortController();
    fencedBy = undefined;
    said = [];
    time = Date.now() / 1000 - 10;
    lane = build(pipeline);
  });

  afterEach(async () => {
    rest.abort();
    abort.abort();
    await lane.stopped();
    await spool.close();
    await rm(folder, { recursive: true });
  });

  function makeSpool(sizes: object = {}): Spool {
    return instantiate(pluginOf(lmdb, 'spool', 'lmdb'), { path: folder, ...sizes }, 'spool');
  }

  const note = (_: object, message: string) => void said.push(message);
  const logger = { info: note, warn: note, error: note } as unknown as Logger;

  function build(of: Pipeline): Lane {
    return new Lane(
      {
        pipeline: of,
        outlet,
        spool,
        origins: new OriginGuard(spool),
        caution: new Caution(spool.attempts),
        authenticator: new Authenticator(tokens),
        logger,
        metrics: new LaneMetrics(metrics, { pipeline: of.id, destination: 'out' }),
        haltFor: 50,
        fenced: (error) => {
          fencedBy = error;
        },
      },
      { rest: rest.signal, abort: abort.signal },
    );
  }

  async function accept(
    body: string,
    with_: { key?: string; token?: string; unproven?: boolean } = {},
  ): Promise<string> {
    const requestId = newRequestId();
    time += 0.001;
    await spool.append([id], {
      requestId,
      timestamp: time,
      key: with_.key ?? good.stored.key,
      tokenDigest: digestOf(with_.token ?? good.token),
      body: Buffer.from(body),
      unproven: with_.unproven === true,
    });
    // As whoever wakes a lane looks first which of them have something.
    await spool.pending();
    return requestId;
  }

  async function acceptMany(count: number): Promise<string[]> {
    const bodies = Array.from({ length: count }, (_, number) => String(number));
    for (const body of bodies) await accept(body);
    return bodies;
  }

  async function empty(): Promise<void> {
    await eventually('the lane is empty', async () => {
      lane.wake();
      return (await spool.depth(id)).records === 0 || undefined;
    });
  }

  /** What is settled shows in the spool a moment before the lane knows. */
  async function runs(): Promise<void> {
    await eventually('the lane runs', async () => lane.status.state === 'running' || undefined);
  }

  async function metric(name: string, labels: Record<string, string> = {}): Promise<number> {
    const found = (await metrics.json()).find((one) => one.name === name);
    const value = found?.values.find((each) =>
      Object.entries(labels).every(([key, text]) => each.labels[key] === text),
    );
    return value?.value ?? 0;
  }

  it('lands records in the order in which they came, in batches of the configured size', async () => {
    const bodies = await acceptMany(20);
    await empty();
    expect(destination.bodies).to.deep.equal(bodies);
    expect(destination.tried).to.have.length(3);
    await lane.stopped();
    expect(await metric('hookline_rows_landed_total')).to.equal(20);
    expect(await metric('hookline_batches_landed_total')).to.equal(3);
  });

  it('asks a destination whose looks are billed once, right before it writes first, and not for a conflict again', async () => {
    let looks = 0;
    const newestBatch = async () => {
      looks++;
      return { id: randomUUID(), serial: 70 };
    };
    Object.assign(destination, { billsLooks: true, newestBatch });
    lane.wake();
    await lane.looked;
    await runs();
    expect(looks, 'while nothing is due').to.equal(0);
    await accept('"a"');
    const failures = () => metric('hookline_load_failures_total');
    await eventually('it has tried again', async () => {
      lane.wake();
      return (await failures()) >= 3 || undefined;
    });
    expect(lane.status).to.include({ state: 'halted' });
    expect(lane.status.error).to.include('hookline spool accept out');
    const check = new OriginGuard(spool).check(outlet, abort.signal);
    expect(String(await check.catch((error: unknown) => error))).to.include('hookline spool accept out');
    expect([looks, destination.tried.length]).to.deep.equal([1, 0]);
    expect(await spool.serials?.accept('out')).to.equal(true);
    await empty();
    await accept('"b"');
    await empty();
    expect(destination.bodies).to.deep.equal(['"a"', '"b"']);
    expect(looks).to.equal(2);
  });

  describe('while it writes a batch', () => {
    let reads: number;

    /** Lands `count` records; `during` is done while the first batch is written, once it could have read ahead. */
    async function land(count: number, during: () => unknown): Promise<string[]> {
      const read = spool.read.bind(spool);
      reads = 0;
      spool.read = (...args) => {
        reads++;
        return read(...args);
      };
      const bodies = await acceptMany(count);
      destination.writeFaults.push(async () => {
        await sleep(100);
        await during();
      });
      await empty();
      return bodies;
    }

    it('reads the next one, where a whole one waits', async () => {
      let during = 0;
      const bodies = await land(30, () => {
        during = reads;
      });
      expect(during).to.equal(2);
      expect(destination.bodies).to.deep.equal(bodies);
      expect(destination.batches.map(({ length }) => length)).to.deep.equal([8, 8, 8, 6]);
      expect(reads).to.equal(4);
    });

    it('reads none where less than a whole one waits: more may come', async () => {
      let during = 0;
      await land(15, () => {
        during = reads;
      });
      expect(during).to.equal(1);
    });

    /** Another lane takes a slot of the destination. */
    function another(): { readonly ended: Promise<void>; readonly leave: () => void } {
      let leave = () => {};
      const ended = outlet.slot(
        () =>
          new Promise<void>((resolve) => {
            leave = resolve;
          }),
      );
      return { ended, leave: () => leave() };
    }

    it('reads none where another lane writes to the destination', async () => {
      outlet = new Outlet('out', destination, { ...policy, concurrency: 2 });
      lane = build(pipeline);
      const { ended, leave } = another();
      let during = 0;
      await land(30, () => {
        during = reads;
      });
      expect(during).to.equal(1);
      leave();
      await ended;
    });

    it('reads none where another lane waits for the destination', async () => {
      const before = another();
      let during = 0;
      const landing = land(30, () => {
        during = reads;
      });
      await eventually('the lane waits for its turn', async () => outlet.lanes === 2 || undefined);
      const behind = another();
      before.leave();
      await eventually('the other one has its turn', async () => {
        behind.leave();
        return outlet.lanes < 2 || undefined;
      });
      await Promise.all([before.ended, landing, behind.ended]);
      expect(during).to.equal(1);
    });

    it('reads again what comes next where the write fails, and where the batch is halved', async () => {
      destination.refuses = (row) =>
        Buffer.from(row.body).toString() === '5' ? new PermanentError('no fives') : undefined;
      const bodies = await land(30, () => {
        throw new RetryableError('not now');
      });
      expect(destination.bodies).to.deep.equal(bodies.filter((body) => body !== '5'));
    });
  });

  it('waits for more until the oldest record is as old as flush.every says', async () => {
    time = Date.now() / 1000 + 0.4;
    outlet = new Outlet('out', destination, { ...policy, flush: { ...policy.flush, every: 600 } });
    lane = build(pipeline);
    time = Date.now() / 1000;
    await accept('"young"');
    lane.wake();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(destination.rows).to.have.length(0);
    await eventually('it lands by itself', async () => destination.rows.length === 1 || undefined);
    expect(Date.now() / 1000 - time).to.be.at.least(0.55);
  });

  describe('whose destination parts rows', () => {
    it('seals only rows of one partition into a batch, in their order', async () => {
      Object.assign(destination, { partition: ({ body }: Row) => (Number(body.toString()) < 5 ? 'a' : 'b') });
      await acceptMany(11);
      await empty();
      expect(destination.batches).to.deep.equal([
        ['0', '1', '2', '3', '4'],
        ['5', '6', '7', '8', '9', '10'],
      ]);
    });

    it('lands all where no two rows that follow each other are of one partition', async () => {
      Object.assign(destination, { partition: ({ body }: Row) => String(Number(body.toString()) % 2) });
      const bodies = await acceptMany(9);
      await empty();
      expect(destination.batches).to.deep.equal(bodies.map((body) => [body]));
    });

    it('has a batch that was sealed before it did divided by the refusal', async () => {
      const bodies = await acceptMany(8);
      const hour = ({ body }: Row) => (Number(body.toString()) < 3 ? 'a' : 'b');
      destination.refusesBatch = ({ rows }) => new Set(rows.map(hour)).size > 1;
      await empty();
      expect(destination.bodies.toSorted()).to.deep.equal(bodies);
      for (const batch of destination.batches) {
        expect(new Set(batch.map((body) => Number(body) < 3)).size).to.equal(1);
      }
      expect(await spool.dead({})).to.deep.equal([]);
    });
  });

  it('is not stopped by records that seem to come from the future', async () => {
    time = Date.now() / 1000 + 3600;
    await accept('"from the future"');
    await empty();
    expect(destination.rows).to.have.length(1);
  });

  describe('authentication in the second moment', () => {
    it('discards what fails, with the reason, and lands the rest', async () => {
      const other = mint({ description: 'other', pipelines: ['2'] });
      const expired = mint({ description: 'expired', expiresAt: new Date(Date.now() - 1000) });
      const inactive = mint({ description: 'inactive' });
      await tokens.create(other.stored);
      await tokens.create(expired.stored);
      await tokens.create({ ...inactive.stored, active: false });
      await accept('1');
      const wrong = await accept('2', { token: 'wrong' });
      await accept('3', { key: '00000000-0000-4000-8000-000000000000' });
      await accept('4', { key: other.stored.key, token: other.token });
      await accept('5', { key: expired.stored.key, token: expired.token });
      await accept('6', { key: inactive.stored.key, token: inactive.token });
      await accept('7');
      await empty();
      expect(destination.bodies).to.deep.equal(['1', '7']);
      const discards = await spool.discards(10);
      expect(discards.map(({ reason }) => reason).sort()).to.deep.equal([
        'deactivated token',
        'expired token',
        'token not allowed on this pipeline',
        'unknown key',
        'wrong token',
      ]);
      expect(discards.find(({ requestId }) => requestId === wrong)).to.include({
        key: good.stored.key,
        lane: id,
      });
      expect(await metric('hookline_discards_total', { reason: 'wrong token' })).to.equal(1);
    });

    it('has a series of discards at 0 for each reason', async () => {
      const found = (await metrics.json()).find(({ name }) => name === 'hookline_discards_total');
      const series = found?.values.map(({ labels, value }) => [labels['reason'], value]);
      expect(series).to.deep.equal(discardReasons.map((reason) => [reason, 0]));
    });

    it('looks a token up anew for what is released, however short ago it was asked about', async () => {
      spool.quarantine?.keep(60_000);
      await tokens.setActive(good.stored.key, false);
      const requestId = await accept('"held"');
      await empty();
      await tokens.setActive(good.stored.key, true);
      const [held] = (await spool.quarantine?.list({ requestId })) ?? [];
      expect(held && (await spool.quarantine?.release(held))).to.equal(true);
      await empty();
      expect(destination.bodies).to.deep.equal(['"held"']);
      expect(tokens.finds).to.equal(2);
    });

    it('asks the store once for each key, and remembers the answer for a few seconds', async () => {
      await acceptMany(30);
      await empty();
      expect(tokens.finds).to.equal(1);
    });

    it('takes notice within five seconds that a token was deactivated', async function () {
      this.timeout(10_000);
      await accept('"before"');
      await empty();
      await tokens.setActive(good.stored.key, false);
      await new Promise((resolve) => setTimeout(resolve, 4900));
      await accept('"after"');
      await empty();
      expect(destination.bodies).to.deep.equal(['"before"']);
    });

    it('waits while the store is down, and discards nothing', async () => {
      tokens.fault = new RetryableError('the token store is down');
      await accept('1');
      lane.wake();
      await eventually('it says so', async () => lane.status.state === 'retrying' || undefined);
      expect(lane.status.error).to.equal('the token store is down');
      tokens.fault = undefined;
      await empty();
      expect(destination.bodies).to.deep.equal(['1']);
      expect(await spool.discards(10)).to.have.length(0);
      await runs();
    });
  });

  describe('on an error of the destination', () => {
    it('writes the same rows under the same id again after a RetryableError', async () => {
      destination.writeFaults.push(new RetryableError('down'), new RetryableError('down'));
      await acceptMany(3);
      await empty();
      expect(new Set(destination.tried).size).to.equal(1);
      expect(destination.tried).to.have.length(3);
      expect(destination.bodies).to.deep.equal(['0', '1', '2']);
    });

    it('waits as long as a RetryableError asks for', async () => {
      destination.writeFaults.push(new RetryableError('slow down', { delay: 700 }));
      const begun = performance.now();
      await accept('1');
      await empty();
      expect(performance.now() - begun).to.be.at.least(690);
    });

    it('treats anything else that is thrown as retryable', async () => {
      destination.writeFaults.push(new TypeError('a bug'));
      await accept('1');
      await empty();
      expect(destination.bodies).to.deep.equal(['1']);
      expect(await metric('hookline_load_failures_total')).to.equal(1);
    });

    it('gives up a write that outlives its timeout, and writes again under the same id', async () => {
      destination.writeFaults.push(() => new Promise<void>(() => undefined));
      await accept('1');
      await empty();
      expect(destination.tried).to.have.length(2);
      expect(new Set(destination.tried).size).to.equal(1);
    });

    it('finds the row at fault after a PermanentError: it becomes a dead letter, the rest lands', async () => {
      destination.refuses = (row) =>
        Buffer.from(row.body).toString() === '5' ? new PermanentError('no fives') : undefined;
      await acceptMany(16);
      await empty();
      expect([...destination.bodies].sort()).to.deep.equal(
        Array.from({ length: 16 }, (_, number) => String(number))
          .filter((body) => body !== '5')
          .sort(),
      );
      const dead = await spool.dead({});
      expect(dead).to.have.length(1);
      expect(Buffer.from(dead[0]?.body ?? []).toString()).to.equal('5');
      expect(dead[0]?.reason).to.equal('no fives');
      expect(await metric('hookline_dead_letters_total')).to.equal(1);
    });

    it('lands a dead letter that is replayed, without asking for its token again', async () => {
      destination.refuses = () => new PermanentError('not today');
      await accept('1');
      await empty();
      destination.refuses = undefined;
      tokens.tokens.clear();
      const [letter] = await spool.dead({});
      if (letter === undefined) throw new Error('no dead letter');
      expect(await spool.revive(letter)).to.equal(true);
      await empty();
      expect(destination.rows.map(({ requestId }) => requestId)).to.deep.equal([letter.requestId]);
    });

    it('sets aside what the disk has changed: it dies, lands by no replay, and the rest lands', async () => {
      const bodies = Array.from({ length: 16 }, (_, number) => `"number ${number} of sixteen"`);
      for (const body of bodies) await accept(body);
      await spool.pending();
      await spool.close();
      const file = join(folder, 'data.mdb');
      const bytes = await readFile(file);
      for (let at = bytes.indexOf('number 5 of'); at >= 0; at = bytes.indexOf('number 5 of')) {
        bytes.write('4', at + 7);
      }
      await writeFile(file, bytes);
      spool = makeSpool();
      await spool.open(AbortSignal.timeout(5000));
      await spool.claim(AbortSignal.timeout(5000));
      lane = build(pipeline);
      for (let times = 0; times < 2; times++) {
        await empty();
        expect([...destination.bodies].sort()).to.deep.equal(bodies.toSpliced(5, 1).sort());
        const [letter, ...others] = await spool.dead({});
        if (letter === undefined) throw new Error('no dead letter');
        expect(others).to.deep.equal([]);
        expect(Buffer.from(letter.body).toString()).to.equal('"number 4 of sixteen"');
        expect(letter.reason).to.include('disk has changed it since it was accepted');
        expect(await spool.revive(letter)).to.equal(true);
      }
    });

    it('halts after a ConfigError, says what to do, keeps the records, and resumes by itself', async () => {
      const fault = new ConfigError('GRANT INSERT is missing');
      destination.writeFaults.push(fault, fault, fault);
      await acceptMany(3);
      lane.wake();
      await eventually('it has halted', async () => lane.status.state === 'halted' || undefined);
      expect(lane.status.error).to.equal('GRANT INSERT is missing');
      expect((await spool.depth(id)).records).to.equal(3);
      await empty();
      await runs();
      expect(lane.status.error).to.equal(undefined);
      expect(destination.bodies).to.deep.equal(['0', '1', '2']);
    });

    it('never turns a fault of the set-up into dead letters, even one that the connector calls permanent', async () => {
      destination.tableFaults.push(new PermanentError('bad table'));
      await accept('1');
      await empty();
      expect(await spool.dead({})).to.have.length(0);
      expect(destination.bodies).to.deep.equal(['1']);
    });

    it('condemns no row where a look at the table shows that it was altered', async () => {
      await accept('1');
      await empty();
      destination.refuses = () => new PermanentError('value too long');
      const altered = new ConfigError('body is varchar(10), not text');
      destination.tableFaults.push(altered, altered);
      await acceptMany(5);
      lane.wake();
      await eventually('it has halted', async () => lane.status.state === 'halted' || undefined);
      expect(lane.status.error).to.equal('body is varchar(10), not text');
      destination.refuses = undefined;
      await empty();
      expect(await spool.dead({})).to.have.length(0);
      expect(destination.bodies).to.deep.equal(['1', '0', '1', '2', '3', '4']);
    });

    it('says what a look at the table found, which knows more than the write', async () => {
      await accept('1');
      await empty();
      destination.writeFaults.push(new ConfigError('permission denied'));
      destination.tableFaults.push(new ConfigError('run: GRANT INSERT'));
      await accept('2');
      lane.wake();
      await eventually('it has halted', async () => lane.status.state === 'halted' || undefined);
      expect(lane.status.error).to.equal('run: GRANT INSERT');
      await empty();
    });

    it('lands the batch at once where the look has mended it, as it makes a table that was dropped', async () => {
      destination.writeFaults.push(new ConfigError('there is no such table'));
      await accept('1');
      await empty();
      await runs();
      expect(await metric('hookline_load_failures_total')).to.equal(0);
      expect(new Set(destination.tried).size).to.equal(1);
      expect(destination.bodies).to.deep.equal(['1']);
    });

    it('tries again at once when it is hastened', async () => {
      destination.writeFaults.push(new RetryableError('ask later', { delay: 60_000 }));
      await accept('1');
      lane.wake();
      await eventually('it waits', async () => lane.status.state === 'retrying' || undefined);
      lane.hasten();
      await empty();
      expect(destination.bodies).to.deep.equal(['1']);
    });

    it('shows a faulty table before the first record comes', async () => {
      destination.tableFaults.push(new ConfigError('another shape'));
      lane.wake();
      await eventually('it has halted', async () => lane.status.state === 'halted' || undefined);
    });
  });

  describe('of which row after row is refused', () => {
    const text = ({ body }: Row) => Buffer.from(body).toString();
    const isBad = (row: Row) => text(row).startsWith('"bad');

    beforeEach(() => haltAfter(5));

    function haltAfter(count: number): void {
      outlet = new Outlet('out', destination, { ...policy, haltAfter: count });
      lane = build(pipeline);
    }

    async function halts(): Promise<void> {
      await eventually('it has halted', async () => {
        lane.wake();
        return lane.status.state === 'halted' || undefined;
      });
    }

    async function acceptAll(bodies: readonly string[]): Promise<readonly string[]> {
      for (const body of bodies) await accept(body);
      return bodies;
    }

    const bad = (count: number) => Array.from({ length: count }, (_, number) => `"bad ${number}"`);
    const dead = async () => (await spool.dead({})).map(text);
    const refusal = (code?: string, message = 'violates check constraint "c"') =>
      new PermanentError(message, code === undefined ? {} : { code });

    async function restart(): Promise<void> {
      rest.abort();
      abort.abort();
      await lane.stopped();
      await spool.close();
      spool = makeSpool();
      await spool.open(AbortSignal.timeout(5000));
      await spool.claim(AbortSignal.timeout(5000));
      rest = new AbortController();
      abort = new AbortController();
      lane = build(pipeline);
    }

    it('halts, keeps the rest, and lands all once the table takes rows: also what became dead letters', async () => {
      destination.refuses = () => refusal('23514');
      const bodies = await acceptMany(20);
      await halts();
      expect(lane.status.error).to.match(/^table one seems to refuse every row, the last 5 alike: violates/);
      expect(await dead()).to.have.length(4);
      expect((await spool.depth(id)).records).to.equal(16);
      const looks = destination.tried.length;
      await eventually('it looks again', async () => destination.tried.length > looks + 4 || undefined);
      expect(await dead(), 'looks condemn nothing').to.have.length(4);
      destination.refuses = undefined;
      await empty();
      await runs();
      expect(destination.bodies.toSorted()).to.deep.equal(bodies.toSorted());
      expect(await dead()).to.deep.equal([]);
      expect(said.map((line) => line.replace(/: .*/, ''))).to.deep.equal([
        'a row became a dead letter',
        'halted, its records are kept',
        'the table takes rows again',
        'running again',
      ]);
    });

    it('goes on where a row behind them lands: they were to blame', async () => {
      destination.refuses = (row) => (isBad(row) ? refusal('23514') : undefined);
      const bodies = await acceptAll([...bad(12), '1', '2', '3', '4', '5', '6', '7', '8']);
      await empty();
      await runs();
      expect(await dead()).to.have.members(bodies.slice(0, 12));
      expect(destination.bodies).to.have.members(bodies.slice(12));
      expect(said.join('\n')).to.include('they are to blame');
      expect(said.length).to.be.lessThan(12);
      expect(await metric('hookline_dead_letters_total')).to.equal(12);
    });

    it('goes on where such rows lie between them, and nothing comes any more', async () => {
      destination.refuses = (row) => (isBad(row) ? refusal('23514') : undefined);
      const bodies = await acceptAll([...bad(5), '1', '2', '"bad last"', '"bad too"']);
      await halts();
      await empty();
      await runs();
      expect(destination.bodies).to.have.members(['1', '2']);
      expect(await dead()).to.have.members(bodies.filter((body) => body.startsWith('"bad')));
    });

    it('goes on as soon as such a row comes', async () => {
      destination.refuses = (row) => (isBad(row) ? refusal('23514') : undefined);
      const bodies = await acceptAll(bad(7));
      await halts();
      await accept('"good"');
      await empty();
      await runs();
      expect(await dead()).to.have.members(bodies);
      expect(destination.bodies).to.deep.equal(['"good"']);
    });

    it('takes the table for mended where a row lands that was refused as well', async () => {
      destination.refuses = () => refusal('23514');
      const bodies = await acceptAll([...bad(7), '"good"']);
      await halts();
      destination.refuses = (row) => (text(row) === '"bad 4"' ? refusal('23514') : undefined);
      await empty();
      await runs();
      expect(await dead()).to.deep.equal(['"bad 4"']);
      expect(destination.bodies).to.have.members(bodies.toSpliced(4, 1));
    });

    it('stays halted over a restart, condemns no further row, and puts back what was refused before it', async () => {
      destination.refuses = () => refusal('23514');
      const bodies = await acceptMany(20);
      await halts();
      await restart();
      await halts();
      expect(await dead()).to.have.length(4);
      await restart();
      destination.refuses = undefined;
      await empty();
      await runs();
      expect(destination.bodies.toSorted()).to.deep.equal(bodies.toSorted());
      expect(await dead()).to.deep.equal([]);
    });

    it('loses and doubles nothing where the end of the halt is cut off', async () => {
      destination.refuses = () => refusal('23514');
      const bodies = await acceptMany(20);
      await halts();
      const settle = spool.settle.bind(spool);
      let cuts = 0;
      spool.settle = async (...args) => {
        if (cuts++ > 0) return settle(...args);
        throw new RetryableError('cut off');
      };
      destination.refuses = undefined;
      await empty();
      expect(cuts).to.be.greaterThan(1);
      expect(destination.bodies.toSorted()).to.deep.equal(bodies.toSorted());
      expect(await dead()).to.deep.equal([]);
    });

    it('tells where it landed what ended the halt', async () => {
      spool.receipts?.keep(60_000);
      destination.refuses = (row) => (isBad(row) ? refusal('23514') : undefined);
      await acceptAll(bad(5));
      await halts();
      const requestId = await accept('"good"');
      await empty();
      expect((await spool.receipts?.find(requestId))?.map(({ table }) => table)).to.deep.equal(['one']);
    });

    it('writes nothing that the disk has changed, also where it waited behind a halt', async () => {
      destination.refuses = () => refusal('23514');
      await acceptMany(5);
      await halts();
      const [row] = await spool.read(id, { rows: 1, bytes: 1e6 });
      expect(row).to.equal(undefined);
      const sealed = await spool.sealed(id);
      if (sealed === undefined) throw new Error('nothing is sealed');
      rest.abort();
      await lane.stopped();
      // As where the row that the lane was halted at has been damaged, too.
      await spool.settle(sealed, { reason: 'damaged' });
      const read = spool.read.bind(spool);
      spool.read = async (...args) => (await read(...args)).map((row) => ({ ...row, damaged: true }));
      destination.refuses = undefined;
      await accept('"changed"');
      rest = new AbortController();
      lane = build(pipeline);
      await halts();
      expect(destination.bodies).to.deep.equal([]);
    });

    it('notes what it tries, and waits with what process after process has died at', async () => {
      destination.refuses = () => refusal('23514');
      await acceptMany(5);
      await halts();
      await restart();
      const { attempts } = spool;
      if (attempts === undefined) throw new Error('the spool notes no attempts');
      const first = (await spool.sealed(id))?.id;
      const begun: string[] = [];
      const begin = attempts.begin.bind(attempts);
      attempts.begin = (batch) => {
        begun.push(batch);
        begin(batch);
      };
      // A fake for processes that are killed.
      attempts.deaths = (batch) => (batch === first ? 30 : 0);
      destination.tried.length = 0;
      destination.refuses = undefined;
      lane.wake();
      await eventually('it has halted', async () => lane.status.state === 'halted' || undefined);
      expect(lane.status.error).to.match(/^a process died 30 times while it wrote batch/);
      expect(destination.tried).to.deep.equal([]);
      lane.hasten();
      await empty();
      expect(begun[0]).to.equal(first);
      expect(destination.rows).to.have.length(5);
    });

    it('halts also by messages without a code that differ in numbers and quotes', async () => {
      destination.refuses = (row) => refusal(undefined, `row ${text(row)}: 12 of "${text(row)}" refused`);
      await acceptMany(9);
      await halts();
      expect(await dead()).to.have.length(4);
    });

    it('condemns rows that are refused for different causes, and those that are fewer', async () => {
      destination.refuses = (row) => refusal(`code ${Number(text(row)) % 2}`);
      await acceptMany(20);
      await empty();
      expect(await dead()).to.have.length(20);
      destination.refuses = () => refusal('23514');
      await acceptMany(4);
      await empty();
      expect(await dead()).to.have.length(24);
      await runs();
    });

    it('says in two lines how many became dead letters', async () => {
      haltAfter(100);
      destination.refuses = () => refusal('23514');
      await acceptMany(20);
      await empty();
      await eventually('it has said so', async () => said.length > 1 || undefined);
      expect(said.map((line) => line.replace(/[.:] .*/, ''))).to.deep.equal([
        'a row became a dead letter',
        '19 more rows became dead letters',
      ]);
    });
  });

  describe('at whose batch process after process has died', () => {
    let died: number;

    beforeEach(async () => {
      died = 2;
      const { attempts } = spool;
      if (attempts === undefined) throw new Error('the spool notes no attempts');
      const counted = attempts.deaths.bind(attempts);
      // A fake for processes that are killed, which test/faults/deadly.test.ts kills.
      attempts.deaths = (batch) => (batch === whole ? died : counted(batch));
      await acceptMany(8);
      const sealed = await spool.seal(id, await spool.read(id, { rows: 8, bytes: 1e6 }), []);
      whole = sealed?.id;
      lane = build(pipeline);
    });
    let whole: string | undefined;

    it('halves it where it surely has not landed, and makes smaller ones', async () => {
      Object.assign(destination, { retire: async () => 'void' });
      const bodies = Array.from({ length: 8 }, (_, number) => String(number));
      const more = await acceptMany(8);
      await empty();
      expect(destination.batches.map(({ length }) => length)).to.deep.equal([4, 4, 4, 4]);
      expect(destination.bodies).to.deep.equal([...bodies, ...more]);
      expect(destination.tried).not.to.include(whole);
      expect(said[0]).to.match(
        /^a process died 2 times while it wrote batch \S+ of 8 rows and 8B, .* halved/,
      );
    });

    it('writes it not again where it has landed', async () => {
      Object.assign(destination, { retire: async () => 'landed' });
      spool.receipts?.keep(60_000);
      const [row] = (await spool.sealed(id))?.rows ?? [];
      await empty();
      expect(destination.tried).to.deep.equal([]);
      expect(await metric('hookline_rows_landed_total')).to.equal(8);
      expect((await spool.receipts?.find(row?.requestId ?? ''))?.[0]?.table).to.equal('one');
    });

    it('is halted for long where nobody can tell, and writes it again as it was once it is hastened', async () => {
      died = 12;
      lane.wake();
      await eventually('it has halted', async () => lane.status.state === 'halted' || undefined);
      expect(lane.status.error).to.match(/^a process died 12 times .* by itself in 3s, .* more memory$/);
      expect(await metric('hookline_lane_batch_deaths')).to.equal(12);
      lane.hasten();
      await empty();
      await runs();
      expect(destination.tried).to.deep.equal([whole]);
    });
  });

  it('lets a write finish that is under way when it shall rest, and begins no other', async () => {
    let finish = () => {};
    destination.writeFaults.push(() => new Promise<void>((resolve) => (finish = resolve)));
    await acceptMany(20);
    lane.wake();
    await eventually('it writes', async () => destination.tried.length === 1 || undefined);
    rest.abort();
    finish();
    await lane.stopped();
    expect(destination.rows).to.have.length(8);
    expect((await spool.depth(id)).records).to.equal(12);
  });

  it('leaves the batch sealed when a write is aborted, for the next process to write again', async () => {
    destination.writeFaults.push(() => new Promise<void>(() => undefined));
    await acceptMany(3);
    lane.wake();
    await eventually('it writes', async () => destination.tried.length === 1 || undefined);
    rest.abort();
    abort.abort(new Error('shutting down'));
    await lane.stopped();
    const left = await spool.sealed(id);
    expect(left?.id).to.equal(destination.tried[0]);
    expect(left?.rows).to.have.length(3);
  });

  describe('that stands', () => {
    const body = `"${'x'.repeat(50_000)}"`;
    const shares = { maxSize: 16 * 1024 ** 2, maxUnproven: 1024 ** 2 };

    beforeEach(async () => {
      await spool.close();
      spool = makeSpool(shares);
      await spool.open(AbortSignal.timeout(5000));
      await spool.claim(AbortSignal.timeout(5000));
    });

    /** Of senders that are not verified, until their share is full: one of three has a good token. */
    async function fill(): Promise<number> {
      for (let n = 0; n < 100; n++) {
        const sender = n % 3 === 0 ? {} : n % 3 === 1 ? { token: 'b'.repeat(64) } : { key: randomUUID() };
        const refusal = await accept(body, { ...sender, unproven: true }).catch((error: unknown) => error);
        if (typeof refusal !== 'string') return n;
      }
      throw new Error('the share is not full');
    }

    /** Resolves when there is room for further ones. */
    const judged = () =>
      eventually('there is room again', async () => {
        lane.wake();
        return accept(body, { unproven: true }).catch(() => undefined);
      });

    for (const [what, begin] of [
      ['is paused', () => build({ ...pipeline, paused: true })],
      [
        'is halted',
        () => {
          destination.tableFaults.push(...Array.from({ length: 100 }, () => new ConfigError('no grant')));
          return build(pipeline);
        },
      ],
    ] as const) {
      it(`has strangers judged where it ${what}: they do not fill their share for as long`, async () => {
        lane = begin();
        const count = await fill();
        expect(count).to.be.within(15, 21);
        await judged();
        expect(lane.status.state).to.equal(what.slice(3));
        const good = Math.ceil(count / 3);
        const waiting = await spool.read(id, { rows: 1000, bytes: 1e9 });
        const fresh = waiting.filter(({ unproven }) => unproven === true);
        expect(waiting.length - fresh.length, 'verified').to.equal(good);
        const reasons = (await spool.discards(100)).map(({ reason }) => reason);
        expect(reasons.filter((reason) => reason === 'wrong token')).to.have.length(
          Math.ceil((count - 1) / 3),
        );
        expect(reasons.filter((reason) => reason === 'unknown key')).to.have.length(Math.floor(count / 3));
        expect(await metric('hookline_discards_total', { reason: 'wrong token' })).to.be.greaterThan(0);
        // What was judged early is judged again when it lands.
        expect(waiting.every(({ authenticated }) => !authenticated)).to.equal(true);

        // The next process knows it as this one does.
        await spool.close();
        spool = makeSpool(shares);
        await spool.open(AbortSignal.timeout(5000));
        await spool.claim(AbortSignal.timeout(5000));
        destination.tableFaults.length = 0;
        lane = build(pipeline);
        await empty();
        expect(destination.bodies).to.have.length(waiting.length);
        expect(await fill(), 'all of the share is free').to.equal(count);
      });
    }

    it('leaves things as they are while the token store is down', async () => {
      lane = build({ ...pipeline, paused: true });
      await accept('1', { unproven: true });
      tokens.fault = new RetryableError('the token store is down');
      lane.wake();
      await lane.stopped();
      expect(await spool.read(id, { rows: 9, bytes: 1e9 })).to.have.length(1);
      expect(await spool.discards(9)).to.deep.equal([]);
    });
  });

  it('lands nothing while it is paused', async () => {
    lane = build({ ...pipeline, paused: true });
    await acceptMany(10);
    lane.wake();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(destination.tried).to.have.length(0);
    expect(lane.status.state).to.equal('paused');
  });

  it('stops and says so when another process has claimed the spool', async () => {
    const other = makeSpool();
    await other.open(AbortSignal.timeout(5000));
    await other.claim(AbortSignal.timeout(5000));
    await accept('1');
    lane.wake();
    await eventually('it was told', async () => (fencedBy === undefined ? undefined : true));
    expect(fencedBy).to.be.instanceOf(FencedError);
    expect(destination.rows).to.have.length(0);
    await other.close();
  });
});
