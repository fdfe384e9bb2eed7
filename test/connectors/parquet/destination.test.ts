import { randomBytes } from 'node:crypto';
import {
  type FileHandle,
  mkdir,
  mkdtemp,
  open as openFile,
  readdir,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { absent, destinationClaims, instantiate, makeBatch, makeRow } from 'hookline/conformance';
import { type Destination, instructionOf, messageOf } from 'hookline/plugin';
import { instructedFolder } from '../../../connectors/parquet/errors.js';
import plugin from '../../../connectors/parquet/index.js';
import { expectRows } from '../../../core/conformance/destination/stage.js';
import { instruction, refused } from '../../../core/conformance/proof.js';
import { sized } from '../../support/attack.js';
import { compactionTests } from '../../support/compactions.js';
import {
  contentsOf,
  describeLake,
  duckdb,
  filesOf,
  type lakeShapes,
  makeForeign,
  quoted,
  readLake,
} from '../../support/lake.js';
import { smallDisk } from '../../support/small-disk.js';

describe('the parquet destination in a folder', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-lake-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  describe('by the conformance suite', () => {
    const root = () => join(folder, 'deep', "the [1] 'lake' *");
    const claims = destinationClaims({
      make: () => instantiate(plugin, { path: root() }),
      rows: (table) => readLake(root(), table),
      describe: () => describeLake(root()),
      tables: {
        create: (table, shape) =>
          makeForeign(
            join(root(), table, 'dt=2026-11-24/hour=13/theirs.parquet'),
            shape as keyof typeof lakeShapes,
          ),
        // A REQUIRED column cannot be made by DuckDB: see below. A lake knows no views.
        shapes: [
          'without a body',
          'with a timestamp that is text',
          'in another order and with further nullable columns',
        ],
      },
      refused: { body: Buffer.from('"somebody@example.com \xff\xfe"', 'latin1') },
      // A file is written in the same steps whatever its size, and the suite reads all of them at each.
      limits: { body: 100 * 1024 ** 2, rows: 200_000, bytes: 64 * 1024 ** 2, killed: 300 },
      kills: sized(8, 32),
      process: () => ({
        module: new URL('../../../connectors/parquet/index.js', import.meta.url).href,
        plugin: 'parquet',
        options: { path: root() },
      }),
      misconfigured: {
        'wrong credentials': absent('a folder has no password'),
        'missing database': async () => {
          await writeFile(join(folder, 'a file'), '');
          return instantiate(plugin, { path: join(folder, 'a file', 'lake') });
        },
        'missing grant': absent('root is refused nothing on a file system'),
      },
      outage: absent('there is no connection to cut'),
      secrets: () => [],
    });
    for (const claim of claims) it(claim.name, claim.run).timeout(120_000);
  });

  describe('when it merges small files', () => {
    const root = () => join(folder, 'merging');
    compactionTests({
      make: (options) => instantiate(plugin, { path: root(), ...options }),
      location: () => ({
        module: new URL('../../../connectors/parquet/index.js', import.meta.url).href,
        plugin: 'parquet',
        options: { path: root() },
      }),
      rows: (table) => readLake(root(), table),
      contents: (table) => contentsOf(root(), table),
      put: async (table, path, content) => await writeFile(join(root(), table, path), content),
    });
  });

  describe('its files', () => {
    const never = new AbortController().signal;
    const opened: Destination[] = [];
    let roots = 0;
    let root: string;

    beforeEach(() => {
      roots += 1;
      root = join(folder, `files ${roots}`);
    });
    afterEach(async () => {
      for (const destination of opened.splice(0)) await destination.close();
    });
    const open = async (path = root, options: object = {}): Promise<Destination> => {
      const destination = instantiate(plugin, { path, ...options });
      opened.push(destination);
      await destination.open(never);
      return destination;
    };
    const at = (...times: string[]) => times.map((time) => makeRow('1', Date.parse(time) / 1000 + 0.25));

    it('lie in partitions by the hour, in UTC, under the id of their batch', async () => {
      const destination = await open();
      const [one, two] = [
        makeBatch('leads', at('2026-11-24T13:00:00Z', '2026-11-24T13:59:59Z')),
        makeBatch('leads', at('2026-11-24T23:30:00-03:00')),
      ];
      for (const batch of [one, two]) await destination.write(batch, never);
      expect(await filesOf(root)).to.deep.equal([
        `leads/dt=2026-11-24/hour=13/${one.id}.parquet`,
        `leads/dt=2026-11-25/hour=02/${two.id}.parquet`,
      ]);
    });

    it('are of one hour each: a batch of several is refused before anything is written, to be divided', async () => {
      const destination = await open();
      const batch = makeBatch('leads', at('2026-11-24T13:59:59Z', '2026-11-24T14:00:00Z'));
      expect(await instruction(destination.write(batch, never))).to.equal('permanent');
      expect(await filesOf(root)).to.deep.equal([]);
    });

    it('are flushed before one that was found counts as landed: who made it may have been killed', async () => {
      const destination = await open();
      const batch = makeBatch('leads', at('2026-11-24T13:00:00Z'));
      const landed = () => destination.retire?.(batch, never);
      expect(await landed()).to.equal('void');
      await destination.write(batch, never);
      const place = join(root, 'leads/dt=2026-11-24/hour=13');
      const handle = await openFile(place);
      const prototype = Object.getPrototypeOf(handle) as FileHandle;
      await handle.close();
      const { sync } = prototype;
      const flushed: number[] = [];
      prototype.sync = async function (this: FileHandle) {
        flushed.push((await this.stat()).ino);
        await sync.call(this);
      };
      try {
        expect(await landed()).to.equal('landed');
      } finally {
        prototype.sync = sync;
      }
      expect(flushed).to.include((await stat(place)).ino);
    });

    it('are the same bytes for the same rows, whoever writes them, however many threads', async () => {
      const rows = Array.from({ length: 150_000 }, (_, n) => makeRow(`{"n":${n}}`, 1.7e9 + n / 1e3));
      const batch = makeBatch('leads', rows);
      const contents: Buffer[] = [];
      for (const threads of [1, 2, 4]) {
        const path = `${root} ${threads}`;
        await (await open(path, { threads })).write(batch, never);
        contents.push(...(await contentsOf(path, 'leads')).values());
      }
      expect(contents).to.have.length(3);
      for (const content of contents) expect(content.equals(contents[0] as Buffer)).to.equal(true);
    }).timeout(60_000);

    it('are compressed with zstd, and have texts and a double', async () => {
      const destination = await open();
      await destination.write(makeBatch('leads', at('2026-11-24T13:00:00Z')), never);
      const file = quoted(`${root}/leads/*/*/*.parquet`);
      expect(await duckdb(`SELECT DISTINCT compression FROM parquet_metadata(${file})`)).to.deep.equal([
        ['ZSTD'],
      ]);
      expect(
        await duckdb(`SELECT name, type, converted_type FROM parquet_schema(${file}) WHERE column_id > 0`),
      ).to.deep.equal([
        ['__kdd_request_id', 'BYTE_ARRAY', 'UTF8'],
        ['__kdd_request_unix_timestamp', 'DOUBLE', null],
        ['__kdd_requester_key', 'BYTE_ARRAY', 'UTF8'],
        ['__kdd_request_body', 'BYTE_ARRAY', 'UTF8'],
      ]);
    });

    it('are not left half written: drafts of a process that was killed are removed after a day', async () => {
      const destination = await open();
      await destination.ensureTable('leads', never);
      const drafts = join(root, '_hookline/drafts');
      await mkdir(drafts, { recursive: true });
      for (const [name, age] of [
        ['old', 25],
        ['new', 23],
      ] as const) {
        await writeFile(join(drafts, `${name}.draft`), 'x');
        const time = Date.now() / 1000 - age * 3600;
        await utimes(join(drafts, `${name}.draft`), time, time);
      }
      await destination.ensureTable('visits', never);
      expect(await filesOf(root)).to.deep.equal(['_hookline/drafts/new.draft']);
    });

    for (const [mode, file, directory] of [
      [undefined, '600', '700'],
      ['0640', '640', '750'],
      [644, '644', '755'],
      [0o666, '666', '777'],
    ] as const) {
      it(`have the mode ${mode ?? 'of their owner alone'}, and their folders that of who may read, whatever the umask`, async () => {
        for (const umask of [0o022, 0o077]) {
          const before = process.umask(umask);
          const path = join(root, `${umask}`, 'lake');
          const destination = instantiate(plugin, { path, ...(mode !== undefined && { mode }) });
          opened.push(destination);
          try {
            await destination.open(never);
            await destination.ensureTable('leads', never);
            for (let n = 0; n < 2; n++)
              await destination.write(makeBatch('leads', [makeRow(), makeRow()]), never);
            await destination.compact?.('leads', false, never);
          } finally {
            process.umask(before);
          }
          const entries = await readdir(dirname(path), { recursive: true, withFileTypes: true });
          const modes = { file: new Set<string>(), directory: new Set<string>() };
          for (const entry of entries) {
            const found = (await stat(join(entry.parentPath, entry.name))).mode & 0o777;
            const drafts = entry.name === 'drafts' ? expect(found).to.equal(0o700) : undefined;
            if (drafts === undefined) modes[entry.isFile() ? 'file' : 'directory'].add(found.toString(8));
          }
          expect([...modes.file]).to.deep.equal([file]);
          expect([...modes.directory]).to.deep.equal([directory]);
        }
      });
    }

    it('on a file system that cannot flush a folder are a ConfigError', () => {
      const fault = Object.assign(new Error('said'), { code: 'EINVAL', syscall: 'fsync' });
      const error = instructedFolder(fault, 'checking');
      expect(instructionOf(error)).to.equal('config');
      expect(messageOf(error)).to.include('cannot flush a folder');
      const other = Object.assign(new Error('said'), { code: 'EINVAL', syscall: 'read' });
      expect(instructionOf(instructedFolder(other, 'reading'))).to.equal('retry');
    });

    it('on a full disk wait, and none is lost or doubled once there is room', async function () {
      const disk = await smallDisk(this);
      try {
        const destination = await open(join(disk.path, 'lake'));
        const noise = () => JSON.stringify(randomBytes(1024 ** 2).toString('base64'));
        const batch = makeBatch(
          'leads',
          Array.from({ length: 6 }, () => makeRow(noise(), 1.7e9)),
        );
        await destination.ensureTable('leads', never);
        await writeFile(join(disk.path, 'ballast'), Buffer.alloc(13 * 1024 ** 2));
        for (let n = 0; n < 2; n++)
          expect(await instruction(destination.write(batch, never))).to.equal('retry');
        expect(await filesOf(join(disk.path, 'lake'))).to.deep.equal([]);
        await rm(join(disk.path, 'ballast'));
        for (let n = 0; n < 2; n++) await destination.write(batch, never);
        expect(await readLake(join(disk.path, 'lake'), 'leads')).to.have.length(6);
      } finally {
        for (const destination of opened.splice(0)) await destination.close();
        await disk.destroy();
      }
    });

    it('beside one that is no Parquet file, or a file instead of the folder, are a ConfigError', async () => {
      const destination = await open();
      await mkdir(join(root, 'leads'), { recursive: true });
      await writeFile(join(root, 'leads', 'x.parquet'), 'hello');
      await writeFile(join(root, 'visits'), 'hello');
      for (const [table, says] of [
        ['leads', 'leads/x.parquet'],
        ['visits', 'is no folder'],
      ] as const) {
        for (const call of [
          () => destination.check([table], never),
          () => destination.ensureTable(table, never),
        ]) {
          const error = await refused(call());
          expect(instructionOf(error), String(error)).to.equal('config');
          expect(messageOf(error)).to.include(says);
        }
      }
    });

    it('with large rows are merged only as far as they fit into the memory', async () => {
      const destination = await open(root, { memoryLimit: '256MiB' });
      const body = () => JSON.stringify(randomBytes(9 * 1024 ** 2).toString('base64'));
      const rows = Array.from({ length: 10 }, () => makeRow(body(), 1.7e9));
      for (let from = 0; from < rows.length; from += 2) {
        await destination.write(makeBatch('leads', rows.slice(from, from + 2)), never);
      }
      await destination.compact?.('leads', false, never);
      expectRows(await readLake(root, 'leads'), rows);
      expect((await filesOf(join(root, 'leads'))).length)
        .to.be.greaterThan(2)
        .and.lessThan(5);
    }).timeout(60_000);

    it('that take more memory than is allowed wait, and it is said why', async () => {
      const destination = await open(root, { memoryLimit: '32MiB' });
      const batch = makeBatch('leads', [makeRow(JSON.stringify('x'.repeat(40 * 1024 ** 2)), 1.7e9)]);
      const error = await refused(destination.write(batch, never));
      expect(instructionOf(error)).to.equal('retry');
      expect(messageOf(error)).to.include('memoryLimit');
      expect(await filesOf(root)).to.deep.equal([]);
    });

    const odd = [
      'a/b',
      'a\\b',
      'c:d',
      'x=1',
      'a*',
      'a?',
      'a[1]',
      '{a}',
      '50%',
      'a#b',
      '_a',
      '.a',
      'a.',
      'a ',
      'é'.repeat(101),
    ];
    for (const table of [...odd, 'tab\there', '\ud800']) {
      it(`has no table named ${JSON.stringify(table)}`, async () => {
        const destination = await open();
        const error = await refused(destination.check([table], never));
        expect(instructionOf(error)).to.equal('config');
        expect(messageOf(error)).to.include(JSON.stringify(table));
      });
    }

    it('answer queries that read, about tables and partitions', async () => {
      const destination = await open();
      await destination.ensureTable('empty', never);
      for (const rows of [at('2026-11-24T13:00:00Z'), at('2026-11-24T02:00:00Z'), [makeRow('1', 1e300)]]) {
        await destination.write(makeBatch('leads', rows), never);
      }
      const sql = 'SELECT dt, hour, count(*) FROM leads GROUP BY ALL ORDER BY ALL';
      expect((await destination.query?.(sql, 10, never))?.rows).to.deep.equal([
        ['2026-11-24', 2, 1],
        ['2026-11-24', 13, 1],
        [null, null, 1],
      ]);
      expect((await destination.query?.('SELECT * FROM empty', 10, never))?.columns).to.have.length(6);
    });

    it('answer no query that writes, or that looks elsewhere', async () => {
      const destination = await open();
      await destination.write(makeBatch('leads', at('2026-11-24T13:00:00Z')), never);
      const before = await describeLake(root);
      for (const text of [
        `COPY leads TO '${root}/leads/x.parquet'`,
        `EXPLAIN ANALYZE COPY leads TO '${root}/leads/x.parquet'`,
        'CREATE TABLE x (a int)',
        `ATTACH '${root}/x.duckdb'`,
        'SELECT 1; SELECT 2',
        "SELECT * FROM read_text('/etc/passwd')",
        `SELECT * FROM read_text('${root}/../x')`,
        "SELECT * FROM glob('/etc/*')",
        'SET threads = 1',
        'SELEC 1',
      ]) {
        expect(await instruction(destination.query?.(text, 10, never) ?? Promise.resolve()), text).to.equal(
          'permanent',
        );
      }
      expect(await describeLake(root)).to.deep.equal(before);
    });
  });
});
