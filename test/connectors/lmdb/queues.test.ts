import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Batches } from '../../../connectors/lmdb/batches.js';
import { Environment } from '../../../connectors/lmdb/environment.js';
import { Queues } from '../../../connectors/lmdb/queues.js';
import { rangesOf } from '../../../connectors/lmdb/ranges.js';
import { encodeRecord } from '../../../connectors/lmdb/record.js';
import { Records } from '../../../connectors/lmdb/records.js';
import { silent } from '../../../core/conformance/instantiate.js';
import { laneId, type StoredRecord } from '../../../core/contract/spool.js';

describe('reading thousands of records of an LMDB environment', () => {
  const lane = laneId('1', 'out');
  const limits = { rows: 20_000, bytes: 2 ** 30 };
  let path: string;
  let environment: Environment;
  let records: Records;
  let queues: Queues;

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'hookline-queues-'));
    await Environment.open('spool', path, 2 ** 30, (opened) => {
      environment = opened;
      records = new Records(opened);
      queues = new Queues(opened, records, new Batches(opened, silent));
    });
  });
  afterEach(async () => {
    await environment.close();
    await rm(path, { recursive: true });
  });

  const append = (writer: number, times: readonly number[]) =>
    environment.batch(() => {
      const filling = records.filling(writer);
      let { sequence, cumulative } = records.endOf(lane, writer);
      for (const timestamp of times) {
        const body = Buffer.from(`{"at":${timestamp}}`);
        cumulative += body.length;
        const entry = {
          requestId: String(timestamp).padStart(20, 'a'),
          timestamp,
          key: '3f2b1c9a-1111-4222-8333-1234567890ab',
          tokenDigest: new Uint8Array(32),
          body,
          authenticated: false,
        };
        filling.add(lane, ++sequence, encodeRecord(entry, cumulative));
      }
      filling.end();
    });
  const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, index) => from + index);
  const timesOf = (rows: Iterable<StoredRecord>) => [...rows].map(({ timestamp }) => timestamp);

  it('lets the event loop turn, and goes on where it was with each writer', async () => {
    await append(0, upTo(2500));
    await append(7, [100.5, 100.6, 900.5]);
    await append(8, upTo(600, 2000.5));
    environment.refresh();
    let turns = 0;
    const count = () => {
      turns++;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    const { rows, full } = await queues.unsealed(lane, limits);
    clearImmediate(counting);
    expect(turns).to.be.greaterThan(1);
    expect(rows).to.have.length(3103);
    expect(timesOf(rows)).to.deep.equal(timesOf(rows).toSorted((a, b) => a - b));
    expect(full).to.equal(false);
    expect((await queues.unsealed(lane, { ...limits, rows: 1500 })).full).to.equal(true);
    expect((await queues.unsealed(lane, { ...limits, rows: 3103 })).rows).to.have.length(3103);
  });

  it('leaves out what comes meanwhile, which a look at the same ranges would find in another place', async () => {
    await append(0, [999]);
    await append(7, upTo(1500, 1000));
    environment.refresh();
    const turn = environment.turn.bind(environment);
    let turns = 0;
    environment.turn = async () => {
      if (++turns === 1) {
        await append(0, [1]);
        await append(9, [2]);
      }
      await turn();
    };
    const { rows } = await queues.unsealed(lane, limits);
    expect(turns).to.be.greaterThan(1);
    expect(timesOf(rows)).to.deep.equal(upTo(1501, 999));
    expect(timesOf(records.merged(lane, rangesOf(rows)))).to.deep.equal(timesOf(rows));
    expect(queues.depth(lane)).to.include({ records: 1503 });
  });
});
