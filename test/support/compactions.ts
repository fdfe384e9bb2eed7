import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { makeBatch, makeRow, type PluginLocation } from 'hookline/conformance';
import { type Batch, type Destination, instructionOf, messageOf, type Row } from 'hookline/plugin';
import { expectRows } from '../../core/conformance/destination/stage.js';
import { spread } from '../../core/conformance/steps.js';
import { sized } from './attack.js';
import { Program } from './program.js';

/** A lake whose merging is to be proven. */
export interface LakeUnderTest {
  make(options?: object): Destination;
  /** How another process makes one. */
  location(): PluginLocation;
  /** As a reader sees them that lists once. */
  rows(table: string): Promise<Row[]>;
  /** Of a table, by their paths in it. */
  contents(table: string): Promise<ReadonlyMap<string, Buffer>>;
  put(table: string, path: string, content: Uint8Array): Promise<void>;
}

const never = new AbortController().signal;
setMaxListeners(0, never);

/** Some second of an hour that is long over: 2023-11-14, 22 h. */
const past = 1_700_000_000;
const place = 'dt=2023-11-14/hour=22';

const always = { from: 0, to: 1e11 };

async function collected(pieces: AsyncIterable<readonly string[]> = none()): Promise<string[]> {
  const ids: string[] = [];
  for await (const piece of pieces) ids.push(...piece);
  return ids;
}

async function* none(): AsyncGenerator<string[]> {}

/** What `compact` owes, for any lake. */
export function compactionTests(lake: LakeUnderTest): void {
  let tables = 0;
  let table: string;
  const opened: Destination[] = [];

  beforeEach(() => {
    tables += 1;
    table = `merged${tables}`;
  });
  afterEach(async () => {
    for (const destination of opened.splice(0)) await destination.close();
  });

  const open = async (options: object = {}): Promise<Destination> => {
    const destination = lake.make(options);
    opened.push(destination);
    await destination.open(never);
    await destination.ensureTable(table, never);
    return destination;
  };
  const batchOf = (size = 20, from = past) =>
    makeBatch(
      table,
      Array.from({ length: size }, (_, n) => makeRow(undefined, from + n)),
    );
  const write = async (destination: Destination, batches: readonly Batch[]) => {
    for (const batch of batches) await destination.write(batch, never);
  };
  /** Batches of one past hour, written. */
  const fill = async (destination: Destination, count = 5): Promise<Batch[]> => {
    const batches = Array.from({ length: count }, () => batchOf());
    await write(destination, batches);
    return batches;
  };
  const holds = async (batches: readonly Batch[]) =>
    expectRows(
      await lake.rows(table),
      batches.flatMap(({ rows }) => rows),
    );
  const files = async () => [...(await lake.contents(table)).keys()].sort();
  const process = (killAt?: number) => {
    const order = { ...lake.location(), table, ...(killAt !== undefined && { killAt }) };
    return new Program('lake-compact', [JSON.stringify(order)]);
  };

  it('makes one file of the small files of an hour, and loses and doubles no row', async () => {
    const destination = await open();
    const batches = await fill(destination);
    const done = await destination.compact?.(table, false, never);
    expect(await files()).to.deep.equal([`${place}/merged-000001.parquet`]);
    const [merged] = (await lake.contents(table)).values();
    expect(done).to.have.length(1);
    expect(done?.[0]).to.deep.include({ place, pieces: 5, mergedBytes: merged?.length });
    await holds(batches);
    expect(await (await open()).compact?.(table, false, never)).to.deep.equal([]);
  });

  it('leaves the hour that goes on, an hour of one file, and the files of others', async () => {
    const destination = await open();
    const now = batchOf(2, Math.floor(Date.now() / 3_600_000) * 3600);
    const more = [
      now,
      batchOf(2, now.rows[0]?.timestamp),
      batchOf(2, past + 3600),
      ...(await fill(destination, 1)),
    ];
    await write(destination, more);
    const [own] = (await lake.contents(table)).values();
    await lake.put(table, `${place}/theirs.parquet`, own as Buffer);
    const before = await lake.contents(table);
    expect(await destination.compact?.(table, false, never)).to.deep.equal([]);
    expect(await lake.contents(table)).to.deep.equal(before);
  });

  it('tells when it runs dry what it would do, and changes nothing', async () => {
    const destination = await open();
    await fill(destination);
    const before = await lake.contents(table);
    const bytes = [...before.values()].reduce((sum, { length }) => sum + length, 0);
    expect(await destination.compact?.(table, true, never)).to.deep.equal([{ place, pieces: 5, bytes }]);
    expect(await lake.contents(table)).to.deep.equal(before);
  });

  it('makes files of the size that it is told', async () => {
    const destination = await open();
    const batches = await fill(destination, 9);
    const [one] = (await lake.contents(table)).values();
    const some = await open({ compactTo: 4 * (one?.length ?? 0) });
    await some.compact?.(table, false, never);
    expect((await files()).length)
      .to.be.greaterThan(1)
      .and.lessThan(9);
    await holds(batches);
  });

  it('adds nothing when a batch comes again whose file was merged, also after further merges', async () => {
    const destination = await open();
    const batches = await fill(destination);
    for (let n = 0; n < 3; n++) {
      await destination.compact?.(table, false, never);
      await write(await open(), batches);
      await holds(batches);
      const late = batchOf();
      await destination.write(late, never);
      batches.push(late);
    }
    await destination.compact?.(table, false, never);
    expect(await files()).to.deep.equal([`${place}/merged-000004.parquet`]);
    await holds(batches);
  });

  it('removes what came back after it was merged, by the next try of its batch or the next merge', async () => {
    const destination = await open();
    const batches = await fill(destination);
    const before = await lake.contents(table);
    await destination.compact?.(table, false, never);
    const [[back, content] = ['', Buffer.alloc(0)], [other, rest] = ['', Buffer.alloc(0)]] = before;
    await lake.put(table, back, content);
    await destination.write(batches.find(({ id }) => back.includes(id)) as Batch, never);
    await holds(batches);
    await lake.put(table, other, rest);
    expect(await destination.compact?.(table, false, never)).to.deep.equal([]);
    await holds(batches);
  });

  it('removes a merged file that a slow merge made after it was merged on', async () => {
    const destination = await open();
    const batches = await fill(destination);
    await destination.compact?.(table, false, never);
    const merged = (await lake.contents(table)).get(`${place}/merged-000001.parquet`) as Buffer;
    batches.push(...(await fill(destination, 1)));
    await destination.compact?.(table, false, never);
    await lake.put(table, `${place}/merged-000001.parquet`, merged);
    await destination.compact?.(table, false, never);
    expect(await files()).to.deep.equal([`${place}/merged-000002.parquet`]);
    await holds(batches);
  });

  it('lists each request id once, whatever of a merge is there', async () => {
    const destination = await open();
    const batches = await fill(destination, 3);
    const sources = await lake.contents(table);
    const list = async () => (await collected(destination.requestIds?.(table, always, never))).toSorted();
    const ids = () => batches.flatMap(({ rows }) => rows.map(({ requestId }) => requestId)).toSorted();
    await destination.compact?.(table, false, never);
    const [[merged, content] = ['', Buffer.alloc(0)]] = await lake.contents(table);
    expect(await list()).to.deep.equal(ids());
    // Between the merge and the removal of its sources.
    for (const [path, source] of sources) await lake.put(table, path, source);
    expect(await list()).to.deep.equal(ids());
    batches.push(...(await fill(destination, 1)));
    await destination.compact?.(table, false, never);
    // One that was slow makes all of it again after it was merged on.
    await lake.put(table, merged, content);
    for (const [path, source] of sources) await lake.put(table, path, source);
    expect(await list()).to.deep.equal(ids());
  });

  it('lists each request id once while files are merged, or says that it cannot', async () => {
    const destination = await open();
    const batches: Batch[] = [];
    let over = false;
    const merging = (async () => {
      for (let n = 0; n < 12; n++) {
        batches.push(...(await fill(destination, 4)));
        await destination.compact?.(table, false, never);
      }
      over = true;
    })();
    const reader = await open();
    let listed = 0;
    while (!over) {
      const before = batches.flatMap(({ rows }) => rows.map(({ requestId }) => requestId));
      const ids = await collected(reader.requestIds?.(table, always, never)).catch((error: unknown) => {
        expect(instructionOf(error)).to.equal('retry');
        expect(messageOf(error)).to.include('were merged while they were listed; list them again');
        return undefined;
      });
      if (ids === undefined) continue;
      listed += 1;
      expect(new Set(ids).size, 'twice').to.equal(ids.length);
      expect(before.filter((id) => !ids.includes(id))).to.deep.equal([]);
    }
    await merging;
    expect(listed).to.be.greaterThan(0);
  }).timeout(60_000);

  it('loses and doubles nothing though it is killed at every step, and its batches come again', async () => {
    const prepared = await open();
    await fill(prepared);
    const counting = process();
    await counting.done();
    const steps = Number(/steps: (\d+)/.exec(counting.output)?.[1]);
    expect(steps).to.be.greaterThan(10);
    for (const killAt of spread(steps, sized(8, 32))) {
      tables += 1;
      table = `merged${tables}`;
      const destination = await open();
      const batches = await fill(destination);
      await process(killAt).exited;
      const rows = batches.flatMap((batch) => batch.rows);
      const seen = new Map((await lake.rows(table)).map((row) => [row.requestId, row]));
      // In between a row may be there twice, but never missing.
      expectRows([...seen.values()], rows);
      await write(await open(), batches);
      await process().done();
      expect(await files(), `killed at step ${killAt}`).to.deep.equal([`${place}/merged-000001.parquet`]);
      await holds(batches);
      await write(destination, batches);
      await holds(batches);
    }
  }).timeout(170_000);

  it('loses and doubles nothing when several run at once, while batches come again', async () => {
    const destination = await open();
    const batches = await fill(destination, 12);
    const again = await open();
    const running = [process(), process(), process()].map((program) => program.done());
    await Promise.all([...running, write(again, batches), write(again, batches.toReversed())]);
    await destination.compact?.(table, false, never);
    expect(await files()).to.deep.equal([`${place}/merged-000001.parquet`]);
    await holds(batches);
  }).timeout(60_000);

  it('misses no row at any moment for a reader that lists again and again', async () => {
    const destination = await open();
    const batches = await fill(destination, 12);
    const expected = batches.flatMap(({ rows }) => rows.map(({ requestId }) => requestId));
    let merging = true;
    const reading = (async () => {
      let [looks, missing] = [0, 0];
      while (merging) {
        // A file that it has listed may be gone when it opens it: such a reader fails, and reads again.
        const rows = await lake.rows(table).catch(() => undefined);
        if (rows === undefined) continue;
        const seen = new Set(rows.map(({ requestId }) => requestId));
        missing += expected.filter((id) => !seen.has(id)).length;
        looks += 1;
      }
      return { looks, missing };
    })();
    for (let n = 0; n < 10; n++) {
      await destination.compact?.(table, false, never);
      const late = batchOf(1, past - 1000 + n);
      await destination.write(late, never);
      await sleep(10);
    }
    merging = false;
    const { looks, missing } = await reading;
    expect(looks).to.be.greaterThan(5);
    expect(missing).to.equal(0);
  }).timeout(60_000);
}
