import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seed } from '../support/attack.js';
import { eventually, Hookline, isAlive, type TestToken } from '../support/hookline.js';
import type { TestPostgres } from '../support/postgres.js';
import { Program } from '../support/program.js';
import type { Orders } from '../support/sender.js';
import { arrivalColumn, arrivedInDuckDb, arrivedInPostgres } from './arrivals.js';
import { acksIn, finishedLogs, Judge, type Known, notesOf, type Verdict } from './judge.js';

export const table = 'rows';

/** Rows that Postgres refuses alike before it counts as at fault: few, so that it is halted soon. */
const haltAfter = 20;

/** Short batches, so that there are many; DuckDB's file is closed between two of them. */
const sections = `spool: { type: lmdb, path: ./spool, maxSize: 256MiB }
destinations:
  warehouse: { type: postgres, url: "\${DATABASE_URL}", haltAfter: ${haltAfter}, flush: { rows: 500, every: 50ms } }
  local: { type: duckdb, path: ./warehouse.duckdb, releaseAfter: 20ms, flush: { rows: 1000, every: 200ms } }
pipelines:
  1: { destination: [warehouse, local], table: ${table} }
`;

export type Role =
  | 'ack worker 1'
  | 'ack worker 2'
  | 'load process'
  | 'all children'
  | 'the supervisor'
  | 'the supervisor, and the next one as it starts'
  | 'everything';

/** A server with two ack workers and two warehouses, senders that never rest, and a checker of its own. */
export class Scene {
  readonly server: Hookline;
  readonly #folder: string;
  readonly #database: string;
  readonly #postgres: TestPostgres;
  readonly #known: Known[] = [];
  readonly #programs: Program[] = [];
  #halts = 0;
  #token: TestToken | undefined;

  private constructor(server: Hookline, folder: string, database: string, postgres: TestPostgres) {
    this.server = server;
    this.#folder = folder;
    this.#database = database;
    this.#postgres = postgres;
  }

  static async open(postgres: TestPostgres): Promise<Scene> {
    const folder = await mkdtemp(join(tmpdir(), 'hookline-crash-'));
    const database = await postgres.createDatabase();
    await postgres.sql(database, 'CREATE SEQUENCE arrivals');
    await postgres.sql(
      database,
      `CREATE TABLE ${table} (
         __kdd_request_id text NOT NULL, __kdd_request_unix_timestamp double precision NOT NULL,
         __kdd_requester_key text NOT NULL, __kdd_request_body text NOT NULL, ${arrivalColumn},
         CONSTRAINT wholesome CHECK (__kdd_request_body NOT LIKE '%"poison":true%'))`,
    );
    await mkdir(join(folder, 'armed'));
    const server = await Hookline.create(sections, {
      webhooks: ', workers: 2',
      env: { DATABASE_URL: database, HOOKLINE_FAILPOINTS: join(folder, 'armed') },
    });
    const scene = new Scene(server, folder, database, postgres);
    scene.#token = await server.token();
    await server.start();
    return scene;
  }

  /** Begins to post. One with a wrong token is acked as well, and nothing of it may land. */
  send(name: string, rate: number, options: Partial<Orders> = {}, welcome = true): void {
    const { key, urls } = this.#token as TestToken;
    const url = welcome ? urls['1'] : urls['1']?.replace(/token=\w+/, `token=${'0'.repeat(64)}`);
    const orders: Orders = {
      name,
      url: url as string,
      folder: this.#folder,
      connections: 4,
      rate,
      seed: seed + this.#known.length,
      poison: 0,
      chunked: false,
      notes: Number.MAX_SAFE_INTEGER,
      ...options,
    };
    this.#known.push({ ...orders, key, welcome });
    this.#programs.push(new Program('sender', [JSON.stringify(orders)]));
  }

  /** Resolves when the senders were acked so many times since it was called. */
  async underLoad(acks = 50): Promise<void> {
    const before = await acksIn(this.#folder);
    await eventually('the senders are acked', async () =>
      (await acksIn(this.#folder)) >= before + acks ? true : undefined,
    );
  }

  /**
   * SIGKILL; resolves to how many processes it ended, and waits only for a server that is gone.
   * @param after milliseconds after which a server that starts is killed
   */
  async kill(role: Role, after = 0): Promise<number> {
    const children = (await this.server.children()).filter(({ pid }) => isAlive(pid));
    if (role === 'everything') {
      await this.server.killAll();
      await this.heal();
      return children.length + 1;
    }
    if (role.startsWith('the supervisor')) {
      await this.server.stop('SIGKILL');
      const starts = role !== 'the supervisor';
      if (starts) await this.#breakOff(after);
      await this.heal();
      return starts ? 2 : 1;
    }
    const struck = children.filter(({ name }) => role === 'all children' || name === role);
    for (const { pid } of struck) process.kill(pid, 'SIGKILL');
    return struck.length;
  }

  /** Kills a server that starts; its children are somewhere on their way. */
  async #breakOff(after: number): Promise<void> {
    this.server.begin();
    await sleep(after);
    await this.server.stop('SIGKILL');
  }

  /** Resolves when a load process runs the lanes. */
  async loading(): Promise<void> {
    await eventually('the lanes are run', async () => {
      const lanes = await this.server.json<{ state: string }[]>('pipelines');
      return lanes.every(({ state }) => state !== 'stopped') || undefined;
    });
  }

  /** Starts the server again where it is gone. */
  async heal(): Promise<void> {
    if (this.server.pid === undefined) await this.server.start();
  }

  /** The next process that comes to the step for the so-manieth time dies there. */
  async arm(step: string, pass: number): Promise<void> {
    await writeFile(join(this.#folder, 'armed', step), String(pass));
  }

  /** How many rows were dead for a while, at most, so that they landed behind later ones. */
  get putBack(): number {
    return this.#halts * (haltAfter - 1);
  }

  /** Postgres refuses every row until its lane is halted, and takes them again. */
  async halt(): Promise<void> {
    this.#halts++;
    const drop = `ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS nothing`;
    const alter = (text: string) => this.#postgres.sql(this.#database, text);
    await alter(`${drop}, ADD CONSTRAINT nothing CHECK (false) NOT VALID`);
    try {
      await eventually('the lane is halted', async () => {
        const lanes = await this.server.json<{ destination: string; state: string }[]>('pipelines');
        return (
          lanes.some(({ destination, state }) => destination === 'warehouse' && state === 'halted') ||
          undefined
        );
      });
    } finally {
      await alter(drop);
    }
    await this.server.cli('check');
  }

  /** Resolves when a process has died at the step. @param lead leads to it, once the server runs */
  async hit(step: string, lead?: (scene: Scene) => Promise<unknown>): Promise<void> {
    const armed = join(this.#folder, 'armed', step);
    let ledAt = 0;
    await eventually(
      `step ${step} is reached`,
      async () => {
        // Where it was the supervisor that died, its place is this test's to fill.
        await this.heal();
        if (existsSync(`${armed}.hit`)) return true;
        // A process that it needs may just not have been there.
        if (lead !== undefined && Date.now() - ledAt > 3000) {
          await lead(this).catch(() => undefined);
          ledAt = Date.now();
        }
        return undefined;
      },
      90_000,
    );
    await rm(`${armed}.hit`);
    await this.heal();
  }

  /** The senders end, everything lands, dead letters are mended, and the server ends. */
  async finish(): Promise<void> {
    for (const { pid } of this.#programs) process.kill(pid, 'SIGTERM');
    for (const program of this.#programs) await program.done();
    await this.heal();
    await this.#drain();
    await this.#postgres.sql(this.#database, `ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS wholesome`);
    await this.server.cli('dead', 'replay', '--all');
    await this.#drain();
  }

  /** What the checker finds in each warehouse; the server must be at rest. */
  async judge(): Promise<{ readonly acks: number; readonly postgres: Verdict; readonly duckdb: Verdict }> {
    const [postgres, duckdb] = [new Judge(this.#known), new Judge(this.#known)];
    for (const { sender, file } of finishedLogs(this.#folder)) {
      for await (const note of notesOf(file))
        for (const judge of [postgres, duckdb]) judge.told(sender, note);
    }
    for await (const row of arrivedInPostgres(this.#database, table)) postgres.found(row);
    const file = join(this.server.folder, 'warehouse.duckdb');
    for await (const row of arrivedInDuckDb(file, table)) duckdb.found(row);
    return { acks: postgres.acks, postgres: postgres.verdict(), duckdb: duckdb.verdict() };
  }

  /** What the server said of damage; there is to be none. */
  get complaints(): string[] {
    return this.server.output
      .split('\n')
      .filter((line) => /damaged|missing|sealed with|sealed already/.test(line));
  }

  async close(): Promise<void> {
    for (const program of this.#programs) await program.kill();
    await this.server.destroy();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #drain(): Promise<void> {
    await eventually(
      'everything has landed',
      async () => {
        const { code, stderr } = await this.server.cli('drain');
        if (code !== 0) throw new Error(stderr);
        return true;
      },
      60_000,
    );
  }
}

/** Every step that the source names, found by reading it: so none can be added that is never reached. */
export async function stepsIn(files: readonly string[]): Promise<string[]> {
  const steps = await Promise.all(
    files.map(async (file) =>
      [...(await readFile(file, 'utf8')).matchAll(/failpoint\?\.\('([^']+)'\)/g)].map(
        ([, step]) => step as string,
      ),
    ),
  );
  return steps.flat().sort();
}
