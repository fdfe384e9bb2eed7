import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readTail } from '../../../connectors/lmdb/journal/tail.js';
import { openParts, type Parts } from '../../../connectors/lmdb/parts.js';
import { silent } from '../../../core/conformance/instantiate.js';
import { lane, makeRecord, other } from '../../../core/conformance/spool/records.js';
import { trustedClock } from '../../../core/index.js';

describe('moving records out of the journals', () => {
  let path: string;
  let parts: Parts;

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'hookline-importing-'));
    parts = await openParts({ path, maxSize: 2 ** 30 }, silent, trustedClock);
  });
  afterEach(async () => {
    await parts.appender.close();
    parts.journal.release();
    await parts.environment.close();
    await rm(path, { recursive: true });
  });

  const append = (to = lane) => parts.appender.append([to], makeRecord());
  const waiting = (of = lane) => {
    parts.environment.refresh();
    return parts.queues.depth(of).records;
  };

  it('takes nobody for finished whose file a list does not show, as it is renamed meanwhile', async () => {
    await append();
    await parts.importer.catchUp();
    await append();
    const { list } = parts.journal;
    parts.journal.list = () => new Map();
    expect(await parts.importer.advance()).to.deep.equal({ bytes: 0, more: true });
    parts.journal.list = list;
    await parts.importer.catchUp();
    expect(waiting(), 'none of them twice').to.equal(2);
  });

  it('waits for another list where a file that was listed has got another name', async () => {
    await append();
    const [[writer, [file]]] = [...parts.journal.list()] as never as [
      [number, [{ segment: number; path: string }]],
    ];
    const own = { ...file, path: `${file.path}.gone`, closed: false };
    const next = { segment: file.segment + 1, path: file.path, closed: false };
    expect(readTail(writer, [own, next], undefined, 1000).place.segment).to.equal(file.segment);
  });

  it('goes on for the other lanes where a batch of one cannot be read', async () => {
    const list = parts.batches.list.bind(parts.batches);
    parts.batches.list = (of) => {
      if (of === lane) throw new SyntaxError('no JSON');
      return list(of);
    };
    await Promise.all([append(), append(other)]);
    await parts.importer.catchUp();
    expect(waiting(other)).to.equal(1);
  });
});
