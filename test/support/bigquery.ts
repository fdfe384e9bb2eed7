import { createPublicKey, createVerify, generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ChildServer } from './child-server.js';
import {
  type Answer,
  type Between,
  FaultProxy,
  frame,
  grpcRefusal,
  json,
  type Passing,
  unframe,
} from './fault-proxy.js';
import { fromGo, fromNpm } from './foreign.js';
import { freePorts } from './free-ports.js';

export const project = 'test-project';

/** The emulators: neither is ours, and each lacks what the other has. */
const emulators = {
  /** In Go, on SQLite. https://github.com/goccy/bigquery-emulator */
  goccy: {
    install: () => fromGo('github.com/goccy/bigquery-emulator@v0.8.1', 'cmd/bigquery-emulator'),
    command: (found: string, port: number, grpcPort: number): [string, string[]] => [
      found,
      ['--project', project, '--host', '127.0.0.1', '--port', `${port}`, '--grpc-port', `${grpcPort}`],
    ],
  },
  /** In TypeScript, on DuckDB. https://www.npmjs.com/package/bigquery-local */
  local: {
    install: () => fromNpm('bigquery-local@0.7.1'),
    command: (found: string, port: number, grpcPort: number): [string, string[]] => [
      process.execPath,
      [new URL('./bigquery-local.js', import.meta.url).pathname, found, `${port}`, `${grpcPort}`],
    ],
  },
} as const;

export type Emulator = keyof typeof emulators;

/** A service account of nobody's, whose tokens are signed here. */
export interface ServiceAccount {
  readonly type: 'service_account';
  readonly client_email: string;
  readonly private_key: string;
  readonly private_key_id: string;
  readonly project_id: string;
}

export function serviceAccount(name: string): ServiceAccount {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    type: 'service_account',
    client_email: `${name}@${project}.iam.gserviceaccount.com`,
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    private_key_id: name,
    project_id: project,
  };
}

/** What BigQuery answers to whoever may not. */
export const denied = (what: string): Answer =>
  json(403, {
    error: {
      code: 403,
      message: `Access Denied: ${what}`,
      errors: [{ reason: 'accessDenied', message: `Access Denied: ${what}` }],
      status: 'PERMISSION_DENIED',
    },
  });

const refusal = (code: number, reason: string, message: string): Answer =>
  json(code, { error: { code, message, errors: [{ reason, message }] } });

interface Job {
  readonly configuration?: { readonly load?: object };
  status: { state: string; errorResult?: { reason: string; message: string } };
}

/**
 * An emulator of BigQuery with a gate in front. The gate gives what BigQuery promises and the emulators
 * do not keep: a job's id is taken once, and answered with 409 `duplicate` after that; a load job is there
 * once its upload is whole, runs, and then shows its `errorResult`; a stream is committed once, and after
 * that is a STREAM_ALREADY_COMMITTED; and it asks who comes: writers may, readers may look, others get 401.
 * https://cloud.google.com/bigquery/docs/running-jobs#generate-jobid
 * https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1
 */
export class TestBigquery {
  readonly writer = serviceAccount('hookline');
  readonly reader = serviceAccount('reader');
  readonly stranger = serviceAccount('stranger');
  readonly #server: ChildServer;
  readonly #command: readonly [string, string[]];
  readonly #direct: string;
  readonly #rest: FaultProxy;
  readonly #storage: FaultProxy;
  readonly #jobs = new Map<string, Job>();
  #writing: Promise<unknown> = Promise.resolve();
  readonly #committed = new Map<string, Promise<Answer>>();
  /** In front of the gate: what a test wants to go wrong. */
  fault: Between = (_, next) => next();

  private constructor(
    server: ChildServer,
    command: readonly [string, string[]],
    port: number,
    grpcPort: number,
  ) {
    this.#server = server;
    this.#command = command;
    this.#direct = `http://127.0.0.1:${port}`;
    this.#rest = new FaultProxy('http', this.#direct);
    this.#storage = new FaultProxy('grpc', `http://127.0.0.1:${grpcPort}`);
    for (const proxy of [this.#rest, this.#storage]) {
      proxy.between = (request, next) => this.fault(request, () => this.#gate(request, next));
    }
  }

  /** Installs it, which may take minutes the first time, and starts it. */
  static async start(emulator: Emulator): Promise<TestBigquery> {
    const { install, command } = emulators[emulator];
    const found = await install();
    const server = await ChildServer.prepare('bigquery');
    const [port = 0, grpcPort = 0] = await freePorts(2);
    const bigquery = new TestBigquery(server, command(found, port, grpcPort), port, grpcPort);
    await bigquery.renew([]);
    await bigquery.connect();
    return bigquery;
  }

  get endpoints(): { readonly apiEndpoint: string; readonly storageEndpoint: string } {
    return { apiEndpoint: this.#rest.url, storageEndpoint: this.#storage.url };
  }

  /** Forgets everything but the datasets of these names: both emulators slow down as tables gather. */
  async renew(datasets: readonly string[]): Promise<void> {
    this.fault = (_, next) => next();
    this.#jobs.clear();
    this.#committed.clear();
    await this.#server.stop('SIGKILL');
    await this.#server.start(...this.#command, () => fetch(`${this.#direct}/discovery/v1/apis`));
    for (const datasetId of datasets) {
      await this.direct('POST', '/datasets', { datasetReference: { projectId: project, datasetId } });
    }
  }

  /** As BigQuery does after six months. */
  forgetJobs(): void {
    this.#jobs.clear();
  }

  async connect(): Promise<void> {
    await this.#rest.start();
    await this.#storage.start();
  }

  /** As if the network were gone: the emulator keeps what it has. */
  async disconnect(): Promise<void> {
    await this.#rest.stop();
    await this.#storage.stop();
  }

  async destroy(): Promise<void> {
    await this.disconnect();
    await this.#server.destroy();
  }

  /** Makes a key file in a folder of the server's. */
  async keyFile(account: ServiceAccount): Promise<string> {
    const file = join(this.#server.folder, `${account.private_key_id}.json`);
    await writeFile(file, JSON.stringify(account));
    return file;
  }

  /** Asks the emulator itself, past the gate. */
  async direct<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(`${this.#direct}/bigquery/v2/projects/${project}${path}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 1000)}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** Rows of a query, as the API writes them. */
  async sql(query: string): Promise<(string | null)[][]> {
    const { rows = [] } = await this.direct<{ rows?: { f: { v: string | null }[] }[] }>('POST', '/queries', {
      query,
      useLegacySql: false,
      useQueryCache: false,
    });
    return rows.map(({ f }) => f.map(({ v }) => v));
  }

  async #gate(request: Passing, next: () => Promise<Answer>): Promise<Answer> {
    if (request.protocol === 'grpc') return await this.#storageCall(request, next);
    const role = this.#roleOf(request.headers.authorization);
    if (role === 'stranger') return refusal(401, 'authError', 'Invalid Credentials');
    const { method } = request;
    const path = new URL(request.path, 'http://localhost').pathname;
    if (path.endsWith(':testIamPermissions')) return this.#permissions(request, role);
    const queries = path.endsWith('/queries');
    if (role === 'reader' && method === 'POST' && !queries) return denied('no right to write');
    if (role === 'reader' && queries && /CREATE TABLE/.test(request.body.toString())) {
      return denied('Permission bigquery.tables.create denied');
    }
    const id = /\/jobs\/([^/]+)$/.exec(path)?.[1];
    if (id !== undefined && method === 'GET') return this.#job(id);
    if (path.endsWith('/jobs') && method === 'POST') return await this.#insert(request, next);
    // Of two that make the same table at once bigquery-local fails one with an error of its own, not with 409.
    if (path.endsWith('/tables') && method === 'POST') return await this.#inTurn(next);
    return await next();
  }

  /** One after the other: of two at once bigquery-local mixes up the rows, and goccy's locks its database. */
  async #inTurn(next: () => Promise<Answer>): Promise<Answer> {
    const answer = this.#writing.then(next);
    this.#writing = answer.catch(() => {});
    return await answer;
  }

  #roleOf(authorization: string | undefined): 'writer' | 'reader' | 'stranger' {
    if (authorization === undefined) return 'writer';
    const [head = '', payload = '', signature = ''] = authorization.replace('Bearer ', '').split('.');
    const { iss } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { iss: string };
    const account = [this.writer, this.reader].find(({ client_email }) => client_email === iss);
    if (account === undefined) return 'stranger';
    const key = createPublicKey(account.private_key);
    const signed = createVerify('RSA-SHA256').update(`${head}.${payload}`);
    if (!signed.verify(key, Buffer.from(signature, 'base64url'))) return 'stranger';
    return account === this.writer ? 'writer' : 'reader';
  }

  #permissions({ body }: Passing, role: string): Answer {
    const { permissions } = JSON.parse(body.toString()) as { permissions: string[] };
    return json(200, { permissions: role === 'writer' ? permissions : [] });
  }

  #job(id: string): Answer {
    const job = this.#jobs.get(id);
    return job === undefined ? refusal(404, 'notFound', `Not found: Job ${id}`) : json(200, job);
  }

  async #insert(request: Passing, next: () => Promise<Answer>): Promise<Answer> {
    // Of an upload the head comes first.
    const text = request.body.subarray(0, 10_000).toString();
    const head = /\{.*\}/.exec(text)?.[0] ?? '{}';
    const job = JSON.parse(head) as Job & { readonly jobReference?: { readonly jobId?: string } };
    const id = job.jobReference?.jobId ?? '';
    if (this.#jobs.has(id)) return refusal(409, 'duplicate', `Already Exists: Job ${id}`);
    const kept: Job = { ...job, status: { state: 'RUNNING' } };
    Object.assign(kept, { statistics: { creationTime: String(Date.now()) } });
    this.#jobs.set(id, kept);
    const began = JSON.stringify(kept);
    const ended = this.#inTurn(next).then((answer) => {
      const said = answer.status === 200 ? (JSON.parse(answer.body.toString()) as Partial<Job>) : undefined;
      const message = answer.body.toString().slice(0, 500);
      const errorResult = said === undefined ? { reason: 'invalid', message } : said.status?.errorResult;
      kept.status = { state: 'DONE', ...(errorResult && { errorResult }) };
    });
    ended.catch(() => {
      kept.status = { state: 'DONE', errorResult: { reason: 'backendError', message: 'it broke off' } };
    });
    return { ...json(200, {}), body: Buffer.from(began) };
  }

  async #storageCall(request: Passing, next: () => Promise<Answer>): Promise<Answer> {
    // Of a stream that is made while another is committed goccy's may never answer.
    if (request.path.endsWith('/CreateWriteStream')) return await this.#inTurn(next);
    if (!request.path.endsWith('/BatchCommitWriteStreams')) return await next();
    const text = unframe(request.body).toString();
    // BatchCommitWriteStreamsRequest { parent, write_streams: [one] }
    const stream = text.slice(text.lastIndexOf('projects/'));
    const earlier = this.#committed.get(stream);
    const answer = earlier === undefined ? this.#inTurn(next) : undefined;
    if (answer !== undefined) this.#committed.set(stream, answer);
    const first = await (earlier ?? answer);
    // A success without stream errors has field 1 alone, the time.
    const landed = first !== undefined && succeeded(first);
    if (!landed) {
      this.#committed.delete(stream);
      return first ?? grpcRefusal(14, 'it broke off');
    }
    if (answer !== undefined) return first;
    // BatchCommitWriteStreamsResponse { stream_errors: [StorageError { code: STREAM_ALREADY_COMMITTED }] }
    return { ...first, body: frame(Buffer.from([0x12, 0x02, 0x08, 0x02])) };
  }
}

function succeeded({ trailers, body }: Answer): boolean {
  if ((trailers?.['grpc-status'] ?? '0') !== '0') return false;
  const message = unframe(body);
  const time = message[0] === 0x0a ? 2 + (message[1] ?? 0) : 0;
  return message.length === time;
}
