import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { LmdbTokenStore } from '../../connectors/lmdb/token-store.js';
import { mint } from '../../core/operations/mint.js';
import { type Finished, runCli } from './cli.js';
import { freePorts } from './free-ports.js';

const mainFile = fileURLToPath(new URL('../../server/main.js', import.meta.url));

export interface Answer {
  readonly success: boolean;
  readonly error?: string;
  readonly data?: { readonly __kdd_request_id: string; readonly __kdd_request_unix_timestamp: number };
}

export interface TestToken {
  readonly key: string;
  readonly token: string;
  readonly urls: Readonly<Record<string, string>>;
}

/** In milliseconds: longer than a server waits for others before it says so. */
const patience = 45_000;

/** Waits until `look` gives something; fails after `timeout` milliseconds. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined>,
  timeout = 15_000,
): Promise<T> {
  const end = Date.now() + timeout;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what}: not within ${timeout} ms`, { cause: last });
}

/** A configuration in a folder of its own, and the real `hookline` run on it. */
export class Hookline {
  readonly folder: string;
  readonly webhookPort: number;
  readonly adminPort: number;
  readonly env: Readonly<Record<string, string>>;
  #server: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);
  #spool: string | undefined;
  /** Everything that the server printed. */
  output = '';

  readonly #limits: string;

  private constructor(
    folder: string,
    webhookPort: number,
    adminPort: number,
    env: Record<string, string>,
    limits: string,
  ) {
    this.#limits = limits;
    this.folder = folder;
    this.webhookPort = webhookPort;
    this.adminPort = adminPort;
    this.env = env;
  }

  /**
   * @param sections the YAML after the `server` section; spool and tokens lie in the folder
   * @param options `limits`: shell commands that run before it, such as `ulimit -n 300`
   */
  static async create(
    sections: string,
    options: {
      readonly env?: Record<string, string>;
      readonly webhooks?: string;
      readonly server?: string;
      readonly limits?: string;
    } = {},
  ): Promise<Hookline> {
    const folder = await mkdtemp(join(tmpdir(), 'hookline-test-'));
    const [webhooks = 0, admin = 0] = await freePorts(2);
    const hookline = new Hookline(folder, webhooks, admin, options.env ?? {}, options.limits ?? ':');
    await hookline.configure(sections, options);
    return hookline;
  }

  async configure(
    sections: string,
    options: { readonly webhooks?: string; readonly server?: string } = {},
  ): Promise<void> {
    await writeFile(
      this.configFile,
      `server:
  webhooks: { host: 127.0.0.1, port: ${this.webhookPort}${options.webhooks ?? ''} }
  admin: { host: 127.0.0.1, port: ${this.adminPort} }
  ${options.server ?? ''}
${sections}`,
    );
  }

  get configFile(): string {
    return join(this.folder, 'hookline.yaml');
  }

  get webhookUrl(): string {
    return `http://127.0.0.1:${this.webhookPort}`;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.adminPort}`;
  }

  /** What `fetch` resolves to for a path of the admin API, asked with the token that the server minted. */
  async admin(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    const token = await readFile(this.adminTokenFile, 'utf8').catch(() => undefined);
    if (token !== undefined) headers.set('Authorization', `Bearer ${token.trim()}`);
    return fetch(new URL(path, this.adminUrl), { ...init, headers });
  }

  /** In the folder of the spool, wherever the configuration that was started with has it. */
  get adminTokenFile(): string {
    return resolve(this.folder, this.#spool ?? this.#configuredSpool(), 'admin-token');
  }

  #configuredSpool(): string {
    const text = readFileSync(this.configFile, 'utf8');
    return /^spool: \{.*?path: ([^\s,}]+)/m.exec(text)?.[1] ?? './data/spool';
  }

  get pid(): number | undefined {
    return this.#server?.pid;
  }

  /** Starts the server and waits until it is ready. */
  async start(...args: string[]): Promise<void> {
    this.begin(...args);
    await eventually(
      'the server is ready',
      async () => {
        if (this.#server === undefined) return false;
        return (await this.admin('/ready')).ok || undefined;
      },
      patience,
    ).catch((error: Error) => {
      throw new Error(`${error.message}; it has said:\n${this.output.slice(-4000)}`, { cause: error.cause });
    });
    if (this.#server === undefined) throw new Error(`the server ended:\n${this.output}`);
  }

  /** Starts the server and waits for nothing. */
  begin(...args: string[]): void {
    this.#spool = this.#configuredSpool();
    const server = this.#spawn(['serve', '--config', this.configFile, ...args]);
    this.#server = server;
    this.#exited = new Promise((resolve) => {
      server.on('exit', (code) => {
        this.#server = undefined;
        resolve(code);
      });
    });
    server.stdout?.on('data', (chunk) => {
      this.output += chunk;
    });
    server.stderr?.on('data', (chunk) => {
      this.output += chunk;
    });
  }

  /** SIGTERM; resolves to the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#server?.kill(signal);
    const code = await this.#exited;
    this.#server = undefined;
    return code;
  }

  exited(): Promise<number | null> {
    return this.#exited;
  }

  signal(signal: NodeJS.Signals): void {
    this.#server?.kill(signal);
  }

  /** Kills the supervisor and its children at once, and waits until they are gone. */
  async killAll(): Promise<void> {
    if (this.#server === undefined) return;
    // Those of one that does not answer end by themselves.
    const children = await this.children().catch(() => []);
    this.#server?.kill('SIGKILL');
    for (const { pid } of children) killQuietly(pid);
    await this.#exited;
    this.#server = undefined;
    await eventually(
      'the children are gone',
      async () => children.every(({ pid }) => !isAlive(pid)) || undefined,
    );
  }

  /** The child processes: `ack worker 1`, `load process`. */
  async children(): Promise<{ readonly name: string; readonly pid: number }[]> {
    const response = await this.admin('/api/instance');
    const { processes } = (await response.json()) as { processes: { name: string; pid: number }[] };
    return processes;
  }

  /** Runs a command on this configuration. */
  cli(...args: string[]): Promise<Finished> {
    return this.cliWith('', ...args);
  }

  cliWith(input: string | Buffer, ...args: string[]): Promise<Finished> {
    // Which failpoints there are a process reads once.
    if (this.env['HOOKLINE_FAILPOINTS'] !== undefined) return this.spawnCli(input, ...args);
    const env = { ...process.env, ...this.env };
    return runCli({ args: [...args, '--config', this.configFile], cwd: this.folder, env, input });
  }

  /** The same in a process of its own. */
  spawnCli(input: string | Buffer, ...args: string[]): Promise<Finished> {
    return finish(this.#spawn([...args, '--config', this.configFile]), input);
  }

  /** Runs a command that prints JSON. */
  async json<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.cli(...args, '--json');
    if (code !== 0) throw new Error(`hookline ${args.join(' ')} exited with ${code}: ${stderr}${stdout}`);
    return JSON.parse(stdout) as T;
  }

  /** Resolves when all that waits has landed. */
  async drain(): Promise<void> {
    const { code, stdout, stderr } = await this.cli('drain');
    if (code !== 0) throw new Error(`hookline drain exited with ${code}: ${stderr}${stdout}`);
  }

  /** By the command where options are given or a store is configured; else put into the store, which is quicker. */
  async token(...args: string[]): Promise<TestToken> {
    const config = parse(await readFile(this.configFile, 'utf8')) as { tokens?: object; pipelines?: object };
    if (args.length > 0 || config.tokens !== undefined) {
      return this.json<TestToken>('tokens', 'create', '--description', 'test', ...args);
    }
    const { stored, token } = mint({ description: 'test' });
    const umask = process.umask(0o077);
    try {
      const store = new LmdbTokenStore({ path: join(this.folder, 'data/tokens') });
      await store.open();
      await store.create(stored);
      await store.close();
    } finally {
      process.umask(umask);
    }
    const { key } = stored;
    const urls = Object.keys(config.pipelines ?? {}).map((id) => [
      id,
      `${this.webhookUrl}/?pipeline_id=${id}&key=${key}&token=${token}`,
    ]);
    return { key, token, urls: Object.fromEntries(urls) };
  }

  async post(
    url: string,
    body: Buffer | string,
  ): Promise<{ readonly status: number; readonly answer: Answer }> {
    const response = await fetch(url, { method: 'POST', body });
    return { status: response.status, answer: (await response.json()) as Answer };
  }

  /** Ends the server, if it runs, and removes the folder. */
  async destroy(): Promise<void> {
    if (this.#server !== undefined) await this.killAll();
    await rm(this.folder, { recursive: true, force: true });
  }

  #spawn(args: readonly string[]): ChildProcess {
    const command = `${this.#limits}; exec "$@"`;
    return spawn('/bin/sh', ['-c', command, 'sh', process.execPath, mainFile, ...args], {
      cwd: this.folder,
      env: { ...process.env, ...this.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }
}

/** Runs `hookline` in a folder, without a configuration of the test's own. */
export function hookline(folder: string, ...args: string[]): Promise<Finished> {
  return runCli({ args, cwd: folder, env: process.env, input: '' });
}

function finish(child: ChildProcess, input: string | Buffer): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Whether a process runs; one that has ended but that nobody has waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return process.platform !== 'linux';
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
