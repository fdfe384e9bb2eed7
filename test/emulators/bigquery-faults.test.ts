import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { instantiate, makeBatch, makeRow } from 'hookline/conformance';
import { type Batch, type Destination, instructionOf, messageOf, type RetryableError } from 'hookline/plugin';
import { BigqueryDestination } from '../../connectors/bigquery/destination.js';
import plugin from '../../connectors/bigquery/index.js';
import { config } from '../../connectors/bigquery/options.js';
import { Statistics } from '../../connectors/bigquery/statistics.js';
import { silent } from '../../core/conformance/instantiate.js';
import { ProcessMetrics } from '../../core/contract/metrics.js';
import { project, TestBigquery } from '../support/bigquery.js';
import { rowsOf } from '../support/bigquery-subject.js';
import { type Between, Cut, frame, grpcRefusal, json, type Passing } from '../support/fault-proxy.js';

const methods = ['storage-write', 'load-job'] as const;
const never = new AbortController().signal;
const batchOf = (table: string, rows = 3): Batch =>
  makeBatch(
    table,
    Array.from({ length: rows }, () => makeRow()),
  );
const forgotten = frame(Buffer.from([0x12, 0x02, 0x08, 0x03])); // stream_errors: [{ code: STREAM_NOT_FOUND }]
const unary = {
  status: 200,
  headers: { 'content-type': 'application/grpc' },
  trailers: { 'grpc-status': '0' },
};

const isCommit = ({ path }: Passing) => path.endsWith('/BatchCommitWriteStreams');
const isJob = ({ method, path }: Passing) => method === 'POST' && /\/jobs(\?|$)/.test(path);
const isLook = ({ method, path }: Passing) => method === 'GET' && /\/jobs\/\w/.test(path);

/** Cuts the n-th of those requests, before it arrives or after it was answered. */
function cutting(which: (request: Passing) => boolean, lost: 'request' | 'answer', n = 0): Between {
  let seen = 0;
  return async (request, next) => {
    if (!which(request) || seen++ !== n) return await next();
    if (lost === 'answer') await next();
    throw new Cut();
  };
}

const refusal = (status: number, reason: string, headers = {}, details: object[] = []) =>
  json(status, { error: { code: status, message: 'no', errors: [{ reason }], details } }, headers);

describe('the bigquery destination, with faults between it and goccy/bigquery-emulator', function () {
  this.timeout(60_000);
  let server: TestBigquery;
  const opened: Destination[] = [];

  before(async function () {
    this.timeout(900_000);
    server = await TestBigquery.start('goccy');
  });
  beforeEach(() => server.renew(['hooks']));
  afterEach(async () => {
    server.fault = (_, next) => next();
    for (const destination of opened.splice(0)) await destination.close();
  });
  after(() => server.destroy());

  const optionsWith = (own: object) => ({
    project,
    dataset: 'hooks',
    ...server.endpoints,
    requestBytes: 3_500_000,
    table: { partition: 'none' },
    ...own,
  });
  const make = (own: object = {}): Destination => {
    const destination = instantiate(plugin, optionsWith(own));
    opened.push(destination);
    return destination;
  };
  const ready = async (own: object = {}): Promise<Destination> => {
    const destination = make(own);
    await destination.open(never);
    await destination.ensureTable('leads', never);
    return destination;
  };
  const failure = async (call: Promise<unknown>): Promise<RetryableError> =>
    (await call.then(
      () => expect.fail('it succeeded'),
      (error: unknown) => error,
    )) as RetryableError;
  /** Each of them is there, once. */
  const holds = async (...batches: Batch[]) => {
    const ids = (await rowsOf(server, 'hooks', 'leads')).map(({ requestId }) => requestId);
    expect(ids.sort()).to.deep.equal(batches.flatMap(({ rows }) => rows.map((row) => row.requestId)).sort());
  };

  it("lands once though exactly the commit's answer is lost", async () => {
    const destination = await ready();
    const batch = batchOf('leads');
    server.fault = cutting(isCommit, 'answer');
    expect(instructionOf(await failure(destination.write(batch, never)))).to.equal('retry');
    await holds(batch);
    await destination.write(batch, never);
    await (await ready()).write(batch, never);
    await holds(batch);
  });

  it('notes none by load-job, which has no ledger, and does not say that it could tell', () => {
    expect(make({ method: 'load-job' }).newestBatch).to.equal(undefined);
  });

  for (const method of methods) {
    for (const lost of ['request', 'answer'] as const) {
      it(`lands once by ${method} whichever ${lost} of its write is lost`, async () => {
        const destination = await ready({ method });
        const batches: Batch[] = [];
        for (let n = 0; ; n++) {
          const batch = batchOf('leads');
          batches.push(batch);
          let seen = 0;
          server.fault = cutting(() => seen++ >= 0, lost, n);
          const error = await destination.write(batch, never).catch((thrown: unknown) => thrown);
          server.fault = (_, next) => next();
          // Of a call that streams the last answer has been taken when its end is cut.
          if (error === undefined && seen <= n) break;
          if (error !== undefined) expect(instructionOf(error), messageOf(error)).to.equal('retry');
          for (let tries = 0; error !== undefined; tries++) {
            const again = await destination.write(batch, never).catch((thrown: unknown) => thrown);
            if (again === undefined) break;
            expect(instructionOf(again), messageOf(again)).to.equal('retry');
            expect(tries).to.be.lessThan(20);
            await sleep(100);
          }
        }
        expect(batches.length).to.be.at.least(method === 'storage-write' ? 7 : 3);
        await holds(...batches);
      });
    }
  }

  it('lands once though an append is cut in the middle', async () => {
    const destination = await ready();
    const batch = makeBatch(
      'leads',
      Array.from({ length: 30 }, () => makeRow(JSON.stringify('x'.repeat(300_000)))),
    );
    server.fault = async ({ path }, next) => {
      if (!path.endsWith('/AppendRows')) return await next();
      next().catch(() => {});
      await sleep(40);
      throw new Cut();
    };
    expect(instructionOf(await failure(destination.write(batch, never)))).to.equal('retry');
    await holds();
    server.fault = (_, next) => next();
    await destination.write(batch, never);
    await holds(batch);
  });

  it('lands once though a commit is given up, and arrives late', async () => {
    const destination = await ready();
    const batch = batchOf('leads');
    const abort = new AbortController();
    let late: Promise<unknown> | undefined;
    server.fault = async (request, next) => {
      if (!isCommit(request) || late !== undefined) return await next();
      setTimeout(() => abort.abort(), 100);
      late = sleep(400).then(next);
      await late;
      return await next();
    };
    await failure(destination.write(batch, abort.signal));
    expect(late).not.to.equal(undefined);
    await destination.write(batch, never);
    await late;
    await holds(batch);
  });

  it('goes on by the way that a batch was begun on, when the method has been changed meanwhile', async () => {
    const batch = batchOf('leads');
    server.fault = cutting(isCommit, 'answer');
    await failure((await ready()).write(batch, never));
    server.fault = (_, next) => next();
    await (await ready({ method: 'load-job' })).write(batch, never);
    await holds(batch);
  });

  describe('when a stream is not found at the commit', () => {
    /** The gate's job is made to look old, where that is wanted. */
    const lostStream = (old: boolean): Between => {
      let first: string | undefined;
      return async (request, next) => {
        if (isLook(request) && old) {
          const answer = await next();
          const job = JSON.parse(answer.body.toString()) as { statistics?: object };
          return json(answer.status, {
            ...job,
            ...(job.statistics && { statistics: { creationTime: '0' } }),
          });
        }
        if (!isCommit(request)) return await next();
        const stream = /streams\/(\w+)/.exec(request.body.toString())?.[1];
        first ??= stream;
        return stream === first ? { ...unary, body: forgotten } : await next();
      };
    };

    it('waits as long as it may just not be known yet', async () => {
      const destination = await ready();
      server.fault = lostStream(false);
      const error = await failure(destination.write(batchOf('leads'), never));
      expect(instructionOf(error)).to.equal('retry');
      expect(messageOf(error)).to.include('stream is not found');
      await holds();
    });

    it('writes the batch anew when its rows are not in the table', async () => {
      const destination = await ready();
      const batch = batchOf('leads');
      server.fault = lostStream(true);
      await destination.write(batch, never);
      await holds(batch);
      server.fault = (_, next) => next();
      await destination.write(batch, never);
      await holds(batch);
    });

    it('is content when its rows are in the table', async () => {
      const destination = await ready();
      const batch = batchOf('leads');
      await destination.write(batch, never);
      server.fault = lostStream(true);
      await destination.write(batch, never);
      await holds(batch);
    });
  });

  it('looks into the table for a batch so old that BigQuery has forgotten its jobs', async () => {
    const destination = await ready();
    const batch = { ...batchOf('leads'), id: '01890000-0000-7000-8000-000000000000' };
    await destination.write(batch, never);
    server.forgetJobs();
    await destination.write(batch, never);
    await holds(batch);
  });

  it('gives a failed load job a new id, and no row to it twice', async () => {
    const destination = await ready({ method: 'load-job' });
    const batch = batchOf('leads');
    const posted: string[] = [];
    server.fault = async (request, next) => {
      const id =
        /hookline_[\w-]+_\d+/.exec(request.path + request.body.subarray(0, 2000).toString())?.[0] ?? '';
      if (isJob(request)) posted.push(id);
      if (!id.endsWith('_0') || (isLook(request) && posted.length === 0)) return await next();
      const errorResult = { reason: 'backendError', message: 'no' };
      return json(200, {
        jobReference: { jobId: id },
        configuration: { load: {} },
        status: { state: 'DONE', errorResult },
      });
    };
    expect(instructionOf(await failure(destination.write(batch, never)))).to.equal('retry');
    await destination.write(batch, never);
    expect(posted.map((id) => id.slice(-2))).to.deep.equal(['_0', '_1']);
    await holds(batch);
  });

  it('calls a row that a load job refuses permanent, and repeats nothing of it', async () => {
    const destination = await ready({ method: 'load-job' });
    server.fault = async (request, next) =>
      isJob(request)
        ? json(200, {
            jobReference: { jobId: 'x' },
            configuration: { load: {} },
            status: { state: 'DONE', errorResult: { reason: 'invalid', message: 'near "unspeakable"' } },
          })
        : await next();
    const error = await failure(destination.write(batchOf('leads'), never));
    expect(instructionOf(error)).to.equal('permanent');
    expect(error).to.include({ code: 'invalid' });
    expect(messageOf(error)).not.to.include('unspeakable');
  });

  it('says that a table is too large for a look, and sets a limit to what one costs', async () => {
    const destination = await ready();
    let asked: { readonly maximumBytesBilled?: string } = {};
    server.fault = async (request, next) => {
      if (!/\/queries(\?|$)/.test(request.path)) return await next();
      asked = JSON.parse(request.body.toString());
      return refusal(400, 'bytesBilledLimitExceeded');
    };
    const error = await failure(destination.latest?.('leads', 10, never) as Promise<unknown>);
    expect(instructionOf(error)).to.equal('config');
    expect(messageOf(error)).to.include('too large for a look');
    expect(Number(asked.maximumBytesBilled)).to.equal(100 * 1024 ** 3);
  });

  it('counts requests, jobs and bytes', async () => {
    const metrics = new ProcessMetrics();
    for (const method of methods) {
      const options = config.parse(optionsWith({ method }));
      const destination = new BigqueryDestination(options, new Statistics(metrics), silent);
      opened.push(destination);
      await destination.open(never);
      await destination.ensureTable('leads', never);
      await destination.write(batchOf('leads', 5), never);
    }
    const counted = Object.fromEntries(
      (await metrics.json()).flatMap(({ name, values }) =>
        values.map(({ labels, value }) => [`${name}${JSON.stringify(labels)}`, value]),
      ),
    );
    expect(counted['hookline_bigquery_requests_total{"api":"rest"}']).to.be.greaterThan(5);
    expect(counted['hookline_bigquery_requests_total{"api":"storage"}']).to.be.greaterThan(2);
    expect(counted['hookline_bigquery_jobs_total{"kind":"load","outcome":"done"}']).to.equal(1);
    expect(counted['hookline_bigquery_jobs_total{"kind":"query","outcome":"done"}']).to.equal(1);
    for (const method of methods) {
      expect(counted[`hookline_bigquery_sent_bytes_total{"method":"${method}"}`]).to.be.within(500, 5000);
    }
  });

  it('calls rows that an append refuses in a success permanent (a recorded answer)', async () => {
    const destination = await ready();
    // AppendRowsResponse { row_errors: [{ message: "unspeakable" }] }
    const message = Buffer.concat([Buffer.from([0x22, 13, 0x1a, 11]), Buffer.from('unspeakable')]);
    server.fault = async ({ path }, next) =>
      path.endsWith('/AppendRows') ? { ...unary, body: frame(message) } : await next();
    const error = await failure(destination.write(batchOf('leads'), never));
    expect(instructionOf(error)).to.equal('permanent');
    expect(error).to.include({ code: 'ROW_ERRORS' });
    expect(messageOf(error)).not.to.include('unspeakable');
    await holds();
  });

  it('calls rows that an append refuses as such permanent, and repeats nothing that any call says of them', async () => {
    const maker = await ready();
    // Whoever has made a table waits for it to be known.
    const destination = make();
    await destination.open(never);
    for (const [code, instruction] of [
      [3, 'permanent'],
      [9, 'retry'],
      [13, 'retry'],
    ] as const) {
      server.fault = async ({ path }, next) =>
        path.endsWith('/AppendRows') ? grpcRefusal(code, 'near "unspeakable"') : await next();
      const error = await failure(destination.write(batchOf('leads'), never));
      expect(instructionOf(error), `${code}`).to.equal(instruction);
      expect(inspect(error, { depth: 9 })).not.to.include('unspeakable');
    }
    const uploading = await ready({ method: 'load-job' });
    server.fault = async (request, next) =>
      isJob(request) && request.path.startsWith('/upload')
        ? json(400, { error: { code: 400, message: 'near "unspeakable"', errors: [{ reason: 'invalid' }] } })
        : await next();
    const error = await failure(uploading.write(batchOf('leads'), never));
    expect(inspect(error, { depth: 9 })).not.to.include('unspeakable');
    server.fault = (_, next) => next();
    await maker.write(batchOf('leads'), never);
  });

  it('calls an error within the success of an append or a commit an error (recorded answers)', async () => {
    const destination = await ready();
    // AppendRowsResponse { error: { code: INTERNAL } }; StorageError { code: INVALID_STREAM_STATE }
    const answers = { AppendRows: [0x12, 2, 0x08, 13], BatchCommitWriteStreams: [0x12, 2, 0x08, 5] };
    for (const [name, bytes] of Object.entries(answers)) {
      server.fault = async ({ path }, next) =>
        path.endsWith(`/${name}`) ? { ...unary, body: frame(Buffer.from(bytes)) } : await next();
      expect(instructionOf(await failure(destination.write(batchOf('leads'), never))), name).to.equal(
        'retry',
      );
    }
    await holds();
  });

  const answers: readonly [string, number, string, string, number | undefined, object?, object[]?][] = [
    ['waits as long as a 429 asks for', 429, 'rateLimitExceeded', 'retry', 7000, { 'retry-after': '7' }],
    [
      'waits as long as a RetryInfo asks for',
      403,
      'quotaExceeded',
      'retry',
      2500,
      {},
      [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '2.5s' }],
    ],
    ['takes a 500 for temporary', 500, 'backendError', 'retry', undefined],
    ['takes a 503 for temporary', 503, 'whatever', 'retry', undefined],
    ['halts for credentials that have expired', 401, 'authError', 'config', undefined],
    ['halts for a right that is revoked', 403, 'accessDenied', 'config', undefined],
  ];
  for (const [title, status, reason, instruction, delay, headers, details] of answers) {
    it(`${title} (${status} ${reason}), whichever request is answered so`, async () => {
      for (const method of methods) {
        const destination = await ready({ method });
        for (const which of [isLook, isJob]) {
          server.fault = async (request, next) =>
            which(request) ? refusal(status, reason, headers, details) : await next();
          const error = await failure(destination.write(batchOf('leads'), never));
          expect(instructionOf(error)).to.equal(instruction);
          expect(error.delay).to.equal(delay);
          server.fault = (_, next) => next();
        }
        if (reason === 'accessDenied') continue;
        const batch = batchOf('leads');
        await destination.write(batch, never);
      }
    });
  }

  const statuses: readonly [number, string, string, number | undefined][] = [
    [14, 'UNAVAILABLE', 'retry', undefined],
    [8, 'RESOURCE_EXHAUSTED', 'retry', 3000],
    [13, 'INTERNAL', 'retry', undefined],
    [16, 'UNAUTHENTICATED', 'config', undefined],
    [7, 'PERMISSION_DENIED', 'config', undefined],
  ];
  for (const [code, name, instruction, delay] of statuses) {
    it(`says ${instruction} of ${name}, whichever call of the Write API is answered so`, async () => {
      const destination = await ready();
      const batches: Batch[] = [];
      // google.rpc.Status { details: [Any { RetryInfo { retry_delay: 3 s } }] }
      const type = Buffer.from('type.googleapis.com/google.rpc.RetryInfo');
      const any = Buffer.concat([
        Buffer.from([0x0a, type.length]),
        type,
        Buffer.from([0x12, 4, 0x0a, 2, 0x08, 3]),
      ]);
      const details = Buffer.concat([Buffer.from([0x1a, any.length]), any]);
      for (const call of [
        'CreateWriteStream',
        'AppendRows',
        'FinalizeWriteStream',
        'BatchCommitWriteStreams',
      ]) {
        server.fault = async ({ path }, next) =>
          path.endsWith(`/${call}`)
            ? grpcRefusal(code, 'no', delay === undefined ? undefined : details)
            : await next();
        const batch = batchOf('leads');
        const error = await failure(destination.write(batch, never));
        expect(instructionOf(error), call).to.equal(instruction);
        expect(error.delay, call).to.equal(delay);
        if (name === 'PERMISSION_DENIED')
          expect(messageOf(error)).to.include('GRANT `roles/bigquery.dataEditor`');
        server.fault = (_, next) => next();
        await destination.write(batch, never);
        batches.push(batch);
      }
      await holds(...batches);
    });
  }

  it('waits for a table that it has just made, and halts for one that somebody has dropped', async () => {
    const maker = await ready();
    const other = make();
    await other.open(never);
    server.fault = async ({ path }, next) =>
      path.endsWith('/CreateWriteStream') ? grpcRefusal(5, 'no such table') : await next();
    expect(instructionOf(await failure(maker.write(batchOf('leads'), never)))).to.equal('retry');
    expect(instructionOf(await failure(other.write(batchOf('leads'), never)))).to.equal('config');
  });

  it('says how a missing dataset is made, and makes it where that is wanted', async () => {
    const error = await failure(make({ dataset: 'nowhere', location: 'EU' }).open(never));
    expect(messageOf(error)).to.include(`bq --location=EU mk --dataset ${project}:nowhere`);
    const destination = make({ dataset: 'made', createDataset: true });
    await destination.open(never);
    await destination.ensureTable('leads', never);
    expect(await rowsOf(server, 'made', 'leads')).to.deep.equal([]);
  });

  it('refuses a name with capitals in a dataset that does not tell them apart', async () => {
    server.fault = async (request, next) => {
      const answer = await next();
      if (!/\/datasets\/hooks(\?|$)/.test(request.path) || answer.status !== 200) return answer;
      return json(200, { ...JSON.parse(answer.body.toString()), isCaseInsensitive: true });
    };
    const destination = await ready();
    for (const call of [
      () => destination.ensureTable('Leads', never),
      () => destination.check(['Leads'], never),
    ]) {
      const error = await failure(call());
      expect(instructionOf(error)).to.equal('config');
      expect(messageOf(error)).to.include('write leads, which is the same table');
    }
  });

  it('says in a check which right is missing, and the statement that grants it', async () => {
    await ready();
    const reader = make({ credentials: { json: JSON.stringify(server.reader) } });
    await reader.open(never);
    const missing = messageOf(await failure(reader.check(['leads'], never)));
    const granted = `ON SCHEMA \`${project}\`.\`hooks\` TO "serviceAccount:${server.reader.client_email}";`;
    expect(missing).to.include('bigquery.tables.updateData').and.to.include(granted);
    // Without the ledger, to which the right is missing as well.
    const loader = make({ credentials: { json: JSON.stringify(server.reader) }, method: 'load-job' });
    await loader.open(never);
    const absent = messageOf(await failure(loader.check(['absent'], never)));
    expect(absent).to.include('bigquery.tables.create').and.to.include(granted);
    const writer = make({ credentials: { keyFile: await server.keyFile(server.writer) } });
    await writer.open(never);
    await writer.check(['leads', 'absent'], never);
  });

  it('keeps a batch whole when one of its rows is too large for an append', async () => {
    const destination = await ready();
    const rows = [makeRow(), makeRow(JSON.stringify('é'.repeat(3_000_000))), makeRow()];
    const batch = makeBatch('leads', rows);
    for (let n = 0; n < 2; n++) await destination.write(batch, never);
    await holds(batch);
  });
});
