import type { BigQueryWriteClient, protos } from '@google-cloud/bigquery-storage';
import type { grpc } from 'google-gax';
import { RetryableError, type Row } from 'hookline/plugin';
import type { Account } from './account.js';
import { GivenUp } from './given-up.js';
import { type BigqueryOptions, isAnonymous } from './options.js';
import { requestsOf, rowDescriptor } from './proto-rows.js';
import { sdk } from './sdk.js';
import type { Statistics } from './statistics.js';
import { checkAppend, refused, StreamRefused } from './stream-refused.js';

type Api = typeof protos.google.cloud.bigquery.storage.v1;
type Instance<K extends keyof Api> = Api[K] extends { prototype: infer T } ? T : never;
type AppendRequest = protos.google.cloud.bigquery.storage.v1.IAppendRowsRequest;

/** The client's own stub: one call for each request, which can be cancelled and is never repeated. */
interface Stub {
  createWriteStream: Unary<'WriteStream'>;
  finalizeWriteStream: Unary<'FinalizeWriteStreamResponse'>;
  batchCommitWriteStreams: Unary<'BatchCommitWriteStreamsResponse'>;
  getWriteStream: Unary<'WriteStream'>;
  appendRows(
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
  ): grpc.ClientDuplexStream<AppendRequest, Instance<'AppendRowsResponse'>>;
}
type Unary<K extends keyof Api> = (
  request: object,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  done: (error: grpc.ServiceError | null, response?: Instance<K>) => void,
) => grpc.ClientUnaryCall;

/** Milliseconds for a request; an append may have to send 10 MB. */
const [patience, appendPatience] = [60_000, 120_000];

/** The Storage Write API: rows go into a stream, and the stream into its table at once. */
export class Streams {
  readonly #options: BigqueryOptions;
  readonly #statistics: Statistics;
  readonly #givenUp = new GivenUp();
  #client: BigQueryWriteClient | undefined;
  #stub: Promise<Stub> | undefined;

  constructor(options: BigqueryOptions, statistics: Statistics) {
    this.#options = options;
    this.#statistics = statistics;
  }

  open(account: Account): void {
    if (this.#client !== undefined) return;
    const { storageEndpoint } = this.#options;
    const url = storageEndpoint === undefined ? undefined : new URL(storageEndpoint);
    const plain = url?.protocol === 'http:';
    const { BigQueryWriteClient, grpc } = sdk();
    const client = new BigQueryWriteClient({
      // The client has a copy of the library of its own: alike, but not to TypeScript.
      auth: account.auth as never,
      ...(url && { apiEndpoint: url.hostname, port: Number(url.port || (plain ? 80 : 443)) }),
      ...((plain || isAnonymous(this.#options)) && { sslCreds: grpc.credentials.createInsecure() }),
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 5000,
      'grpc.keepalive_time_ms': 60_000,
    });
    this.#client = client;
    this.#stub = client.initialize() as unknown as Promise<Stub>;
    this.#stub.catch(() => {});
  }

  /** Resolves to the new stream's name. @param table `projects/…/datasets/…/tables/…` */
  async create(table: string, signal: AbortSignal): Promise<string> {
    const stub = await this.#ready();
    const request = { parent: table, writeStream: { type: 'PENDING' } };
    const { name } = await this.#call(stub.createWriteStream, stub, request, 'parent', table, signal);
    if (!name) throw new StreamRefused({ code: 'NO_NAME' });
    return name;
  }

  /** Sends all rows, one request after the other; whatever goes wrong, the stream is not used again. */
  async append(stream: string, rows: readonly Row[], signal: AbortSignal): Promise<void> {
    const stub = await this.#ready();
    signal.throwIfAborted();
    this.#statistics.request('storage');
    const deadline = Date.now() + appendPatience * Math.max(1, Math.ceil(rows.length / 10_000));
    const call = stub.appendRows(routed('write_stream', stream), { deadline });
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const answers = call[Symbol.asyncIterator]() as AsyncIterator<Instance<'AppendRowsResponse'>>;
      let offset = 0;
      for (const serializedRows of requestsOf(rows, this.#options.requestBytes)) {
        call.write({
          offset: { value: offset },
          writeStream: stream,
          protoRows: {
            ...(offset === 0 && { writerSchema: { protoDescriptor: rowDescriptor } }),
            rows: { serializedRows },
          },
        });
        const answer = await answers.next();
        if (answer.done) throw new StreamRefused({ code: 'UNAVAILABLE', text: 'the answers broke off' });
        checkAppend(answer.value);
        const bytes = serializedRows.reduce((sum, row) => sum + row.length, 0);
        this.#statistics.sent(bytes, 'storage-write');
        offset += serializedRows.length;
      }
      call.end();
    } catch (error) {
      signal.throwIfAborted();
      throw refused(error, true);
    } finally {
      signal.removeEventListener('abort', cancel);
      call.on('error', () => {});
      call.cancel();
    }
  }

  /** Resolves to how many rows the stream has; none can be added any more. */
  async finalize(stream: string, signal: AbortSignal): Promise<number> {
    const stub = await this.#ready();
    const { rowCount } = await this.#call(
      stub.finalizeWriteStream,
      stub,
      { name: stream },
      'name',
      stream,
      signal,
    );
    return Number(rowCount ?? 0);
  }

  /**
   * Whether the stream's rows are in the table now, all of them; `gone` when there is no such stream. An
   * abort does not cancel it: nobody would know what has become of it.
   */
  async commit(table: string, stream: string, signal: AbortSignal): Promise<'landed' | 'gone'> {
    const stub = await this.#ready();
    const request = { parent: table, writeStreams: [stream] };
    try {
      const call = this.#call(stub.batchCommitWriteStreams, stub, request, 'parent', table, never);
      const { streamErrors } = await unless(signal, call, this.#givenUp);
      // A success may have failed: https://cloud.google.com/bigquery/docs/write-api-batch
      const [error] = streamErrors ?? [];
      if (error === undefined) return 'landed';
      throw new StreamRefused({ code: String(error.code ?? 'UNKNOWN') }, String(error.code));
    } catch (error) {
      if (!(error instanceof StreamRefused)) throw error;
      if (error.storageCode === 'STREAM_ALREADY_COMMITTED') return 'landed';
      if (error.storageCode === 'STREAM_NOT_FOUND' || error.refusal.code === 'NOT_FOUND') return 'gone';
      throw error;
    }
  }

  /** Asks for the table's default stream, which changes nothing: it proves way and credentials. */
  async look(table: string, signal: AbortSignal): Promise<void> {
    const stub = await this.#ready();
    const name = `${table}/streams/_default`;
    await this.#call(stub.getWriteStream, stub, { name }, 'name', name, signal).catch((error: unknown) => {
      // Not every emulator has it; that it answers is proof enough.
      if (error instanceof StreamRefused && error.refusal.code === 'UNIMPLEMENTED') return;
      throw error;
    });
  }

  async close(): Promise<void> {
    const [client, stub] = [this.#client, this.#stub];
    this.#client = undefined;
    this.#stub = undefined;
    await stub?.catch(() => {});
    await this.#givenUp.over();
    await client?.close();
  }

  async #ready(): Promise<Stub> {
    if (this.#stub === undefined) throw new RetryableError('it is closed');
    return await this.#stub;
  }

  async #call<K extends keyof Api>(
    method: Unary<K>,
    stub: Stub,
    request: object,
    parameter: string,
    value: string,
    signal: AbortSignal,
  ): Promise<Instance<K>> {
    signal.throwIfAborted();
    this.#statistics.request('storage');
    return await new Promise<Instance<K>>((resolve, reject) => {
      const options = { deadline: Date.now() + patience };
      const cancel = () => call.cancel();
      const call = method.call(stub, request, routed(parameter, value), options, (error, response) => {
        signal.removeEventListener('abort', cancel);
        if (error === null && response !== undefined) resolve(response);
        else reject(signal.aborted ? signal.reason : refused(error));
      });
      signal.addEventListener('abort', cancel, { once: true });
    });
  }
}

const never = new AbortController().signal;

/** What the call resolves to; once the signal fires it is given up, and goes on. */
async function unless<T>(signal: AbortSignal, call: Promise<T>, givenUp: GivenUp): Promise<T> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      givenUp.add(call);
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
  });
  return await Promise.race([call, aborted]).finally(() => signal.removeEventListener('abort', abort));
}

/** The service finds the table's region by this header. */
function routed(parameter: string, value: string): grpc.Metadata {
  const metadata = new (sdk().grpc.Metadata)();
  metadata.set('x-goog-request-params', `${parameter}=${encodeURIComponent(value)}`);
  return metadata;
}
