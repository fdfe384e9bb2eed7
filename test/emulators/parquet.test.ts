import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { destinationClaims, instantiate, makeBatch, makeRow } from 'hookline/conformance';
import { type Batch, type Destination, instructionOf, messageOf } from 'hookline/plugin';
import plugin from '../../connectors/parquet/index.js';
import { expectRows } from '../../core/conformance/destination/stage.js';
import { compactionTests } from '../support/compactions.js';
import { eventually, Hookline } from '../support/hookline.js';
import { type lakeShapes, makeForeign, readLake } from '../support/lake.js';
import { TestMinio } from '../support/minio.js';
import { type Fault, S3Faults } from '../support/s3-faults.js';

describe('the parquet destination on MinIO', () => {
  let minio: TestMinio;
  let folder: string;

  before(async function () {
    this.timeout(600_000);
    folder = await mkdtemp(join(tmpdir(), 'hookline-lake-'));
    minio = await TestMinio.start();
    minio.denies = ({ action, object }) => action === 's3:PutObject' && object.startsWith('denied/');
  });
  after(async () => {
    await minio?.destroy();
    await rm(folder, { recursive: true, force: true });
  });

  const make = (options: object = {}) =>
    instantiate(plugin, { ...minio.options, prefix: 'raw/hooks', ...options });
  let mirrors = 0;
  const rows = async (table: string) => {
    mirrors += 1;
    const copy = join(folder, String(mirrors));
    await minio.mirror(`raw/hooks/${table}/`, copy);
    return await readLake(join(copy, 'raw/hooks'), table);
  };

  describe('by the conformance suite', () => {
    const claims = destinationClaims({
      make,
      rows,
      describe: () => minio.list(),
      tables: {
        create: async (table, shape) => {
          const path = join(folder, 'theirs', `${table}.parquet`);
          await makeForeign(path, shape as keyof typeof lakeShapes);
          await minio.upload(`raw/hooks/${table}/dt=2026-11-24/hour=13/theirs.parquet`, path);
        },
        // A REQUIRED column cannot be made by DuckDB. A lake knows no views.
        shapes: [
          'without a body',
          'with a timestamp that is text',
          'in another order and with further nullable columns',
        ],
      },
      refused: { body: Buffer.from('"somebody@example.com \xff\xfe"', 'latin1') },
      // A file is written in the same steps whatever its size, and the suite reads all of them at each.
      limits: { body: 100 * 1024 ** 2, rows: 200_000, bytes: 64 * 1024 ** 2, killed: 300 },
      process: () => ({
        module: new URL('../../connectors/parquet/index.js', import.meta.url).href,
        plugin: 'parquet',
        options: { ...minio.options, prefix: 'raw/hooks' },
      }),
      misconfigured: {
        'wrong credentials': () => make({ secretAccessKey: 'not-the-secret' }),
        'missing database': () => make({ bucket: 'nowhere' }),
        'missing grant': () => make({ prefix: 'denied' }),
      },
      outage: { begin: () => minio.stop(), end: () => minio.start() },
      secrets: () => [minio.accessKeyId, minio.secretAccessKey, 'not-the-secret'],
    });
    for (const claim of claims) it(claim.name, claim.run).timeout(120_000);
  });

  describe('when it merges small files', () => {
    compactionTests({
      make,
      location: () => ({
        module: new URL('../../connectors/parquet/index.js', import.meta.url).href,
        plugin: 'parquet',
        options: { ...minio.options, prefix: 'raw/hooks' },
      }),
      rows,
      contents: async (table) => {
        const prefix = `raw/hooks/${table}/`;
        const found = (await minio.list(prefix)).map(
          async ({ key }): Promise<[string, Buffer]> => [key.slice(prefix.length), await minio.get(key)],
        );
        return new Map(await Promise.all(found));
      },
      put: async (table, path, content) => await minio.put(`raw/hooks/${table}/${path}`, content),
    });
  });

  it('merges all files of an hour that the store lists on two pages', async () => {
    const { signal } = new AbortController();
    const lake = make();
    await lake.open(signal);
    const batches = Array.from({ length: 1005 }, (_, n) =>
      makeBatch('paged', [makeRow(String(n), 1.7e9 + n)]),
    );
    await Promise.all(
      Array.from({ length: 16 }, async (_, lane) => {
        for (let n = lane; n < batches.length; n += 16) await lake.write(batches[n] as Batch, signal);
      }),
    );
    expect(await minio.list('raw/hooks/paged/')).to.have.length(1005);
    await lake.compact?.('paged', false, signal);
    await lake.close();
    expect((await minio.list('raw/hooks/paged/')).length).to.be.below(10);
    expectRows(
      await rows('paged'),
      batches.flatMap((batch) => batch.rows),
    );
  }).timeout(120_000);

  describe('when a permission is missing', () => {
    const never = new AbortController().signal;
    const needed: Readonly<Record<string, [kind: string, doing: (lake: Destination) => Promise<unknown>]>> = {
      's3:ListBucket': ['to list', (lake) => lake.open(never)],
      's3:GetObject': ['to read', (lake) => lake.check([], never)],
      's3:PutObject': ['to write', (lake) => lake.check([], never)],
      's3:DeleteObject': ['to remove', (lake) => lake.compact?.('grants', false, never) ?? Promise.resolve()],
    };
    for (const [permission, [kind, doing]] of Object.entries(needed)) {
      it(`${kind} says that ${permission} must be allowed, as a ConfigError`, async () => {
        const before = minio.denies;
        const lake = make();
        try {
          await lake.open(never);
          for (let n = 0; n < 2; n++) await lake.write(makeBatch('grants', [makeRow('1', 1.7e9)]), never);
          minio.denies = ({ action }) => action === permission;
          const error = await doing(permission === 's3:ListBucket' ? make() : lake).catch(
            (thrown: unknown) => thrown,
          );
          expect(instructionOf(error), String(error)).to.equal('config');
          expect(messageOf(error)).to.include(`allow ${permission} on arn:aws:s3:::lake`);
        } finally {
          minio.denies = before;
          await lake.close();
        }
      });
    }

    it('says that there are no credentials at all, as a ConfigError', async () => {
      const before = process.env['AWS_EC2_METADATA_DISABLED'];
      process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
      const { bucket, endpoint } = minio.options;
      const lake = instantiate(plugin, { bucket, endpoint });
      try {
        const error = await lake.open(never).catch((thrown: unknown) => thrown);
        expect(instructionOf(error), String(error)).to.equal('config');
        expect(messageOf(error)).to.include('there are no credentials');
      } finally {
        if (before === undefined) delete process.env['AWS_EC2_METADATA_DISABLED'];
        else process.env['AWS_EC2_METADATA_DISABLED'] = before;
        await lake.close();
      }
    });

    it('says that it has no KMS where encryption is asked for, in check and in a write', async () => {
      const lake = make({ encryption: 'AES256' });
      try {
        await lake.open(never);
        const calls = [lake.check([], never), lake.write(makeBatch('sealed', [makeRow('1', 1.7e9)]), never)];
        for (const { reason } of (await Promise.allSettled(calls)) as PromiseRejectedResult[]) {
          expect(instructionOf(reason), String(reason)).to.equal('config');
          expect(messageOf(reason)).to.include('take `encryption` out, or configure one');
        }
        expect(await rows('sealed')).to.deep.equal([]);
      } finally {
        await lake.close();
      }
    });

    it('goes on writing without s3:DeleteObject', async () => {
      const before = minio.denies;
      const lake = make();
      try {
        minio.denies = ({ action }) => action === 's3:DeleteObject';
        await lake.open(never);
        await lake.check(['writes'], never);
        const batch = makeBatch('writes', [makeRow('1', 1.7e9)]);
        for (let n = 0; n < 2; n++) await lake.write(batch, never);
        expect(await rows('writes')).to.have.length(1);
      } finally {
        minio.denies = before;
        await lake.close();
      }
    });
  });

  describe('when something is wrong between it and the store', () => {
    const never = new AbortController().signal;
    let proxy: S3Faults;
    const opened: Destination[] = [];
    let tables = 0;
    let table: string;

    before(async () => {
      proxy = await S3Faults.start(minio.port);
    });
    beforeEach(() => {
      tables += 1;
      table = `faults${tables}`;
    });
    afterEach(async () => {
      proxy.fault = () => undefined;
      for (const destination of opened.splice(0)) await destination.close();
    });
    after(() => proxy.stop());

    const open = async (): Promise<Destination> => {
      const destination = make({ endpoint: proxy.endpoint });
      opened.push(destination);
      await destination.open(never);
      await destination.ensureTable(table, never);
      return destination;
    };
    const batchOf = (size: number) =>
      makeBatch(
        table,
        Array.from({ length: size }, (_, n) => makeRow(undefined, 1.7e9 + n)),
      );
    const holds = async (batches: readonly Batch[]) =>
      expectRows(
        await rows(table),
        batches.flatMap((batch) => batch.rows),
      );
    /** Happens to the first so many requests of that method. */
    const first = (count: number, method: string, fault: Fault) => {
      let left = count;
      return (each: string) => {
        if (each !== method || left === 0) return undefined;
        left -= 1;
        return fault;
      };
    };

    const passing: Readonly<Record<string, Fault>> = {
      'a cut connection': 'cut',
      'a connection that is cut in the middle': 'half',
      'an answer that is lost': 'lost answer',
      'a delay': { delay: 800 },
      '429 TooManyRequests': { status: 429, code: 'TooManyRequests' },
      '503 SlowDown': { status: 503, code: 'SlowDown' },
      '500 InternalError': { status: 500, code: 'InternalError' },
    };
    for (const [name, fault] of Object.entries(passing)) {
      for (const method of ['PUT', 'GET']) {
        it(`lands a batch once in spite of ${name} at a ${method}`, async () => {
          const destination = await open();
          const batch = batchOf(100);
          proxy.fault = first(1, method, fault);
          await destination.write(batch, never);
          expect(proxy.fault(method, '')).to.equal(undefined);
          await destination.write(batch, never);
          await holds([batch]);
        });
      }
    }

    const lasting: Readonly<Record<string, [fault: Fault, instruction: 'retry' | 'config', says: string]>> = {
      'cut connections': ['cut', 'retry', 'ECONNRESET'],
      'lost answers': ['lost answer', 'retry', 'ECONNRESET'],
      'a server that breaks down': [{ status: 500, code: 'InternalError' }, 'retry', 'InternalError (500)'],
      'a server that is busy': [{ status: 503, code: 'SlowDown' }, 'retry', 'SlowDown (503)'],
      'a limit on requests': [{ status: 429, code: 'TooManyRequests' }, 'retry', 'TooManyRequests (429)'],
      'another write to the same key': [
        { status: 409, code: 'ConditionalRequestConflict' },
        'retry',
        'ConditionalRequestConflict (409)',
      ],
      'credentials that have expired': [
        { status: 400, code: 'ExpiredToken' },
        'config',
        'the temporary key has expired',
      ],
      'credentials that were revoked': [
        { status: 403, code: 'InvalidAccessKeyId' },
        'config',
        'check accessKeyId and secretAccessKey',
      ],
      'a bucket that was removed': [{ status: 404, code: 'NoSuchBucket' }, 'config', 'make the bucket'],
      'a clock that is wrong': [
        { status: 403, code: 'RequestTimeTooSkewed' },
        'config',
        "set this machine's clock",
      ],
      'another region': [{ status: 301, code: 'PermanentRedirect' }, 'config', 'correct region'],
      'a key of KMS that is disabled': [
        { status: 400, code: 'KMS.DisabledException' },
        'config',
        'check kmsKeyId',
      ],
    };
    for (const [name, [fault, instruction, says]] of Object.entries(lasting)) {
      it(`calls ${name} a ${instruction === 'retry' ? 'RetryableError' : 'ConfigError'}, and lands once they are over`, async () => {
        const destination = await open();
        const batch = batchOf(10);
        proxy.fault = (method) => (method === 'PUT' ? fault : undefined);
        const error = await destination.write(batch, never).catch((thrown: unknown) => thrown);
        expect(instructionOf(error), String(error)).to.equal(instruction);
        expect(messageOf(error)).to.include(says);
        proxy.fault = () => undefined;
        await destination.write(batch, never);
        await holds([batch]);
      });
    }

    it('waits as long as the store asks', async () => {
      const destination = await open();
      proxy.fault = () => ({ status: 503, code: 'SlowDown', headers: { 'retry-after': '2' } });
      const error = await destination.write(batchOf(1), never).catch((thrown: unknown) => thrown);
      expect((error as { delay?: number }).delay).to.equal(2000);
    }).timeout(30_000);

    it('loses and doubles nothing in a storm of faults, with merges in between', async () => {
      const destination = await open();
      const kinds = [...Object.values(passing), { delay: 50 }];
      const batches = Array.from({ length: 30 }, () => batchOf(50));
      proxy.faults = 0;
      proxy.fault = () => (Math.random() < 0.3 ? kinds[Math.floor(Math.random() * kinds.length)] : undefined);
      const until = async (task: () => Promise<unknown>) => {
        for (;;) {
          const error = await task().catch((thrown: unknown) => thrown ?? new Error());
          if (instructionOf(error) === undefined) return;
          expect(instructionOf(error), String(error)).to.equal('retry');
        }
      };
      for (const [n, batch] of batches.entries()) {
        await until(() => destination.write(batch, never));
        if (n % 10 === 9) await until(async () => void (await destination.compact?.(table, false, never)));
        if (n % 7 === 0) await until(() => destination.write(batches[n >> 1] as Batch, never));
      }
      expect(proxy.faults).to.be.greaterThan(20);
      proxy.fault = () => undefined;
      await destination.compact?.(table, false, never);
      await holds(batches);
      for (const batch of batches) await destination.write(batch, never);
      await holds(batches);
    }).timeout(120_000);

    it('puts the same bytes again where the store does not know conditions', async () => {
      const destination = await open();
      const batch = batchOf(100);
      // Told so, it goes on without.
      proxy.fault = first(1, 'PUT', { status: 501, code: 'NotImplemented' });
      for (let n = 0; n < 2; n++) await destination.write(batch, never);
      await holds([batch]);
      const [stored] = await minio.list(`raw/hooks/${table}/`);
      const content = await minio.get(stored?.key ?? '');
      await destination.write(batch, never);
      expect((await minio.get(stored?.key ?? '')).equals(content)).to.equal(true);
      const error = await destination
        .write(batchOf(1), never)
        .then(() => destination.compact?.(table, false, never).catch((thrown: unknown) => thrown));
      expect(instructionOf(error)).to.equal('config');
      expect(messageOf(error)).to.include('If-None-Match');
    });
  });

  describe('a lane of the server', () => {
    it('says what is wrong while the store fails, and lands everything once afterwards', async () => {
      const proxy = await S3Faults.start(minio.port);
      const { bucket, accessKeyId, secretAccessKey } = minio.options;
      const server = await Hookline.create(
        `destinations:
  lake:
    type: parquet
    bucket: ${bucket}
    prefix: raw/hooks
    endpoint: ${proxy.endpoint}
    accessKeyId: ${accessKeyId}
    secretAccessKey: \${LAKE_SECRET}
    flush: { every: 100ms }
pipelines:
  1: { destination: lake, table: lanes }
`,
        { env: { LAKE_SECRET: secretAccessKey } },
      );
      try {
        await server.start();
        const { urls } = await server.token();
        let sent = 0;
        const post = async () => {
          for (let n = 0; n < 5; n++, sent++) {
            const { status } = await server.post(urls['1'] as string, JSON.stringify({ sent }));
            expect(status).to.equal(200);
          }
        };
        const lane = async (state: string, says: string) =>
          await eventually(`the lane is ${state}`, async () => {
            const [found] = await server.json<{ state: string; lastError?: string }[]>('pipelines');
            return (found?.state === state && found.lastError?.includes(says)) || undefined;
          });
        await post();
        await server.cli('drain');
        proxy.fault = (method) => (method === 'PUT' ? { status: 503, code: 'SlowDown' } : undefined);
        await post();
        await lane('retrying', 'SlowDown (503)');
        proxy.fault = (method) => (method === 'PUT' ? 'lost answer' : undefined);
        await lane('retrying', 'ECONNRESET');
        proxy.fault = () => undefined;
        await server.cli('drain');
        proxy.fault = (method) => (method === 'PUT' ? { status: 400, code: 'ExpiredToken' } : undefined);
        await post();
        await lane('halted', 'the temporary key has expired');
        proxy.fault = () => undefined;
        // A halted lane looks again after a minute; a new start at once.
        await server.stop();
        await server.start();
        await server.cli('drain');
        const bodies = (await rows('lanes')).map(({ body }) => JSON.parse(Buffer.from(body).toString()).sent);
        expect(bodies.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: sent }, (_, n) => n));
        expect(server.output).to.not.include(secretAccessKey);
      } finally {
        await server.destroy();
        await proxy.stop();
      }
    }).timeout(120_000);
  });
});
