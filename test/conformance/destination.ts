import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once, setMaxListeners } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Destination, instructionOf, type Row } from '../../core/index.js';
import { makeBatch, makeRow, seriesBatch } from '../support/batches.js';
import { uglyJson } from '../support/ugly-json.js';
import type { ChildOrder } from '../support/writing-child.js';
import type { Claim } from './claim.js';

/** Shapes of tables that somebody else has made. */
export type TableShape =
  | 'without a body'
  | 'with a timestamp that is text'
  | 'with a mandatory column of its own'
  | 'that is a view'
  | 'in another order and with further nullable columns';

/** A kind of destination and the one storage that its instances share. */
export interface DestinationSubject {
  /** An instance over the storage, not opened: another process would have one like it. */
  make(): Promise<Destination> | Destination;
  /** Every row of a table, read without the destination. All instances are closed when it is called. */
  rows(table: string): Promise<Row[]>;
  /** Absent where tables are not made by anyone else. */
  readonly tables?: {
    create(table: string, shape: TableShape): Promise<void>;
    /** Its columns with their types, in any form that shows a change. */
    describe(table: string): Promise<unknown>;
    /** What it can make; all shapes unless told. */
    readonly shapes?: readonly TableShape[];
  };
  /** How another process makes an instance; absent where nothing outlives the process. */
  child?(): Pick<ChildOrder, 'module' | 'plugin' | 'options'>;
  /** Names that need care; what most databases take, unless told. */
  readonly names?: readonly string[];
}

export const awkwardNames: readonly string[] = [
  'Orders',
  'select',
  'two words',
  `it's "quoted"`,
  '""',
  'a.b',
  'semi;colon -- comment',
  '1st',
  'ação_日本_😀',
  '%s $1 \\n',
  'x'.repeat(60),
];

/** What every destination must hold to. Each claim uses tables of its own, all in one storage. */
export function destinationClaims(subject: DestinationSubject): Claim[] {
  let tables = 0;
  const prefix = `t${randomInt(1e9).toString(36)}`;

  const claim = (name: string, prove: (stage: Stage) => Promise<void>): Claim => ({
    name,
    run: async () => {
      tables += 1;
      const stage = new Stage(subject, `${prefix}_${tables}`);
      try {
        await prove(stage);
      } finally {
        await stage.close();
      }
    },
  });

  const claims = [
    claim('opens and closes, again and again', async (stage) => {
      for (let n = 0; n < 3; n++) {
        const destination = await stage.open();
        await destination.check([], stage.signal);
        await destination.close();
      }
    }),

    claim('makes a table and lands a row in it', async (stage) => {
      const rows = [makeRow()];
      const destination = await stage.ready();
      await destination.write(makeBatch(stage.table, rows), stage.signal);
      await stage.holds(rows);
    }),

    claim('finds no rows in a table that is not there yet, and does not make it', async (stage) => {
      const destination = await stage.open();
      if (destination.latest === undefined) return;
      expect(await destination.latest(`${stage.table}_missing`, 10, stage.signal)).to.deep.equal([]);
      await destination.ensureTable(stage.table, stage.signal);
      expect(await destination.latest(`${stage.table}_missing`, 10, stage.signal)).to.deep.equal([]);
    }),

    claim('leaves a table that is there as it is, with its rows', async (stage) => {
      const rows = [makeRow(), makeRow()];
      const destination = await stage.ready();
      await destination.write(makeBatch(stage.table, rows), stage.signal);
      await destination.ensureTable(stage.table, stage.signal);
      const other = await stage.open();
      await other.ensureTable(stage.table, stage.signal);
      await other.check([stage.table], stage.signal);
      await stage.holds(rows);
    }),

    claim('makes one table when two instances make it at once', async (stage) => {
      const [one, two] = [await stage.open(), await stage.open()];
      await Promise.all([
        one.ensureTable(stage.table, stage.signal),
        two.ensureTable(stage.table, stage.signal),
      ]);
      const rows = [makeRow(), makeRow()];
      await one.write(makeBatch(stage.table, rows), stage.signal);
      await stage.holds(rows);
    }),

    claim('gives every ugly JSON text back byte for byte', async (stage) => {
      const rows = uglyJson.map(({ body }) => makeRow(body));
      const destination = await stage.ready();
      await destination.write(makeBatch(stage.table, rows), stage.signal);
      const landed = byId(await stage.rows());
      for (const [at, { name, body }] of uglyJson.entries()) {
        const row = landed.get(rows[at]?.requestId ?? '');
        expect(row !== undefined && Buffer.compare(row.body, body) === 0, name).to.equal(true);
      }
    }),

    claim('takes bodies of every length up to 200 and of many beyond', async (stage) => {
      const lengths = [...Array(200).keys(), ...Array.from({ length: 200 }, () => randomInt(200, 300_000))];
      const rows = lengths.map((length) =>
        makeRow(JSON.stringify('é'.repeat(length >> 1) + 'x'.repeat(length & 1))),
      );
      const destination = await stage.ready();
      await destination.write(makeBatch(stage.table, rows), stage.signal);
      await stage.holds(rows);
    }),

    claim('keeps every float64 timestamp bit for bit', async (stage) => {
      const edges = [0, -0, 1e-308, 5e-324, Number.MAX_VALUE, 1577015690.3118637, 0.1 + 0.2, 2 ** 53 + 2];
      const random = Array.from({ length: 5000 }, () => 1.5e9 + Math.random() * 1e9);
      const rows = [...edges, ...random].map((timestamp) => makeRow('1', timestamp));
      const destination = await stage.ready();
      await destination.write(makeBatch(stage.table, rows), stage.signal);
      await stage.holds(rows);
    }),

    claim('adds nothing when a batch comes again, from whichever instance', async (stage) => {
      const [first, second] = [
        makeBatch(stage.table, [makeRow(), makeRow()]),
        makeBatch(stage.table, [makeRow()]),
      ];
      const destination = await stage.ready();
      await destination.write(first, stage.signal);
      await destination.write(second, stage.signal);
      await destination.write(first, stage.signal);
      const other = await stage.open();
      await other.write(first, stage.signal);
      await other.write(second, stage.signal);
      await stage.holds([...first.rows, ...second.rows]);
    }),

    claim('adds a batch once when several write it at once', async (stage) => {
      const batch = makeBatch(
        stage.table,
        Array.from({ length: 500 }, () => makeRow()),
      );
      const [one, two] = [await stage.ready(), await stage.open()];
      await Promise.all([one, two, one, two].map((each) => each.write(batch, stage.signal)));
      await stage.holds(batch.rows);
    }),

    claim('lands different batches that are written at once', async (stage) => {
      const other = `${stage.table}_b`;
      const batches = Array.from({ length: 12 }, (_, n) =>
        makeBatch(
          n % 3 === 0 ? other : stage.table,
          Array.from({ length: 50 }, () => makeRow()),
        ),
      );
      const destination = await stage.ready();
      await destination.ensureTable(other, stage.signal);
      await Promise.all(batches.map((batch) => destination.write(batch, stage.signal)));
      const rowsOf = (table: string) =>
        batches.filter((batch) => batch.table === table).flatMap(({ rows }) => rows);
      await stage.holds(rowsOf(stage.table));
      await stage.holds(rowsOf(other), other);
    }),

    claim(
      'stops when the signal fires, stores the batch wholly or not at all, and can write on',
      async (stage) => {
        const destination = await stage.ready();
        const rows: Row[] = [];
        for (const delay of [0, 1, 5, 20, 60]) {
          const batch = makeBatch(
            stage.table,
            Array.from({ length: 5000 }, () => makeRow()),
          );
          const abort = new AbortController();
          const writing = destination.write(batch, abort.signal);
          writing.catch(() => {});
          await sleep(delay);
          abort.abort();
          await within(
            5000,
            writing.catch(() => {}),
          );
          await destination.write(batch, stage.signal);
          rows.push(...batch.rows);
        }
        await stage.holds(rows);
      },
    ),

    claim('does nothing for a signal that has fired before', async (stage) => {
      const destination = await stage.ready();
      const batch = makeBatch(stage.table, [makeRow()]);
      await refused(destination.write(batch, AbortSignal.abort()));
      await refused(destination.ensureTable(`${stage.table}_b`, AbortSignal.abort()));
      await refused(destination.check([stage.table], AbortSignal.abort()));
      await stage.holds([]);
    }),

    claim('gives the newest rows, newest first, exactly as they were written', async (stage) => {
      const rows = Array.from({ length: 30 }, (_, n) =>
        makeRow(`{"n":${n},"s":"é😀\\u0000"}`, 1.6e9 + ((n * 7) % 30)),
      );
      const destination = await stage.ready();
      if (destination.latest === undefined) return;
      expect(await destination.latest(stage.table, 10, stage.signal)).to.deep.equal([]);
      await destination.write(makeBatch(stage.table, rows), stage.signal);
      const newest = rows.toSorted((a, b) => b.timestamp - a.timestamp).slice(0, 10);
      const found = await destination.latest(stage.table, 10, stage.signal);
      expect(found.map(comparable)).to.deep.equal(newest.map(comparable));
      expect(await destination.latest(stage.table, 1000, stage.signal)).to.have.length(30);
    }),

    claim('refuses a table without a name with a ConfigError', async (stage) => {
      const destination = await stage.open();
      expect(await instruction(destination.ensureTable('', stage.signal))).to.equal('config');
    }),
  ];

  for (const name of subject.names ?? awkwardNames) {
    claims.push(
      claim(`takes a table named ${name}`, async (stage) => {
        const destination = await stage.open();
        const rows = [makeRow(), makeRow()];
        await destination.ensureTable(name, stage.signal);
        await destination.ensureTable(name, stage.signal);
        await destination.write(makeBatch(name, rows), stage.signal);
        expect(await destination.latest?.(name, 10, stage.signal)).to.have.length(2);
        await stage.holds(rows, name);
      }),
    );
  }

  const { tables: made } = subject;
  if (made !== undefined) claims.push(...shapeClaims(made, claim));
  if (subject.child !== undefined) claims.push(...processClaims(subject.child, claim));
  return claims;
}

type ClaimMaker = (name: string, prove: (stage: Stage) => Promise<void>) => Claim;

function shapeClaims(made: NonNullable<DestinationSubject['tables']>, claim: ClaimMaker): Claim[] {
  const shapes: readonly TableShape[] = made.shapes ?? [
    'without a body',
    'with a timestamp that is text',
    'with a mandatory column of its own',
    'that is a view',
    'in another order and with further nullable columns',
  ];
  return shapes.map((shape) => {
    if (shape === 'in another order and with further nullable columns') {
      return claim(`takes a table ${shape}, and leaves it so`, async (stage) => {
        await made.create(stage.table, shape);
        const before = await made.describe(stage.table);
        const rows = [makeRow(), makeRow()];
        const destination = await stage.ready();
        await destination.write(makeBatch(stage.table, rows), stage.signal);
        await stage.holds(rows);
        expect(await made.describe(stage.table)).to.deep.equal(before);
      });
    }
    return claim(`refuses a table ${shape} with a ConfigError, and leaves it so`, async (stage) => {
      await made.create(stage.table, shape);
      const before = await made.describe(stage.table);
      const destination = await stage.open();
      for (const error of [
        await refused(destination.check([stage.table], stage.signal)),
        await refused(destination.ensureTable(stage.table, stage.signal)),
      ]) {
        expect(instructionOf(error)).to.equal('config');
        expect((error as Error).message).to.include(stage.table);
      }
      await stage.close();
      expect(await made.describe(stage.table)).to.deep.equal(before);
    });
  });
}

function processClaims(child: NonNullable<DestinationSubject['child']>, claim: ClaimMaker): Claim[] {
  const start = (stage: Stage, from: number, count: number) =>
    startChild({ ...child(), table: stage.table, series: stage.table, from, count, size: 1500 });

  return [
    claim('holds every row exactly once after kills at random moments and replays', async (stage) => {
      const expected: Row[] = [];
      let next = 0;
      for (let round = 0; round < 6; round++) {
        const writer = start(stage, next, 1e6);
        await writer.ready;
        await sleep(randomInt(0, 120));
        writer.process.kill('SIGKILL');
        await writer.exited;
        // What was under way when it died: it may have landed or not.
        const through = writer.landed.at(-1) ?? next - 1;
        const destination = await stage.ready();
        for (let n = next; n <= through + 1; n++) {
          const batch = seriesBatch(stage.table, stage.table, n, 1500);
          await destination.write(batch, stage.signal);
          expected.push(...batch.rows);
        }
        await stage.close();
        next = through + 2;
      }
      await stage.holds(expected);
    }),

    claim('lets the process end once it is closed', async (stage) => {
      const writer = start(stage, 0, 2);
      await within(15_000, writer.exited);
      expect(writer.process.exitCode, writer.trouble()).to.equal(0);
      await stage.holds([0, 1].flatMap((n) => seriesBatch(stage.table, stage.table, n, 1500).rows));
    }),
  ];
}

interface Child {
  readonly process: ChildProcess;
  readonly ready: Promise<unknown>;
  readonly exited: Promise<unknown>;
  readonly landed: readonly number[];
  trouble(): string;
}

function startChild(order: ChildOrder): Child {
  const program = fileURLToPath(new URL('../support/writing-child.js', import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const landed: number[] = [];
  let trouble = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    trouble += chunk.toString();
  });
  const exited = once(child, 'close');
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }).on('line', (line) => {
      if (line === 'ready') resolve();
      else landed.push(Number(line));
    });
    void exited.then(() => reject(new Error(`the writing process ended early: ${trouble}`)));
  });
  ready.catch(() => {});
  return { process: child, ready, exited, landed, trouble: () => trouble };
}

/** One claim's table, and the instances that it has opened. */
class Stage {
  readonly table: string;
  readonly signal = new AbortController().signal;
  readonly #subject: DestinationSubject;
  readonly #opened: Destination[] = [];

  constructor(subject: DestinationSubject, table: string) {
    this.#subject = subject;
    this.table = table;
    setMaxListeners(0, this.signal);
  }

  async open(): Promise<Destination> {
    const destination = await this.#subject.make();
    this.#opened.push(destination);
    await destination.open(this.signal);
    return destination;
  }

  /** Opened, and with the table. */
  async ready(): Promise<Destination> {
    const destination = await this.open();
    await destination.ensureTable(this.table, this.signal);
    return destination;
  }

  async close(): Promise<void> {
    for (const destination of this.#opened.splice(0).reverse()) await destination.close();
  }

  async rows(table = this.table): Promise<Row[]> {
    await this.close();
    return await this.#subject.rows(table);
  }

  /** Exactly these rows are in the table, each once. */
  async holds(rows: readonly Row[], table = this.table): Promise<void> {
    const landed = await this.rows(table);
    expect(landed.length, 'number of rows').to.equal(rows.length);
    const found = byId(landed);
    expect(found.size, 'number of different rows').to.equal(rows.length);
    for (const row of rows) {
      const other = found.get(row.requestId);
      const same =
        other !== undefined &&
        Object.is(other.timestamp, row.timestamp) &&
        other.key === row.key &&
        Buffer.compare(other.body, row.body) === 0;
      if (!same) expect(other && comparable(other)).to.deep.equal(comparable(row));
    }
  }
}

function byId(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.requestId, row]));
}

function comparable(row: Row): object {
  return { ...row, body: Buffer.from(row.body).toString('latin1') };
}

/** What the promise is rejected with. */
export async function refused(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it was not refused');
}

/** The instruction that the promise is rejected with. */
export async function instruction(promise: Promise<unknown>): Promise<string | undefined> {
  return instructionOf(await refused(promise));
}

export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  const late = new AbortController();
  const clock = sleep(milliseconds, undefined, { signal: late.signal }).then(() => {
    throw new Error(`it took longer than ${milliseconds} ms`);
  });
  clock.catch(() => {});
  try {
    return await Promise.race([promise, clock]);
  } finally {
    late.abort();
  }
}
