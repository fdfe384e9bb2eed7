import { randomInt } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Row } from '../../contract/chart.js';
import type { Batch, Destination } from '../../contract/destination.js';
import { makeBatch } from '../batches.js';
import { Child } from '../child.js';
import { type Claim, makeClaim } from '../claim.js';
import { same } from '../proof.js';
import { offered } from '../subject.js';
import type { DestinationSubject } from './subject.js';

export type DestinationClaim = (
  name: string,
  obligation: string,
  prove: (stage: Stage) => Promise<void>,
) => Claim;

/** Makes claims, each with a table of its own, all in the subject's one storage. */
export function destinationStages(subject: DestinationSubject): DestinationClaim {
  const prefix = `t${randomInt(1e9).toString(36)}`;
  let tables = 0;
  return (name, obligation, prove) =>
    makeClaim(name, obligation, async () => {
      tables += 1;
      const stage = new Stage(subject, `${prefix}_${tables}`);
      try {
        await prove(stage);
      } finally {
        await stage.end();
      }
    });
}

/** One claim's table, and the instances that it has opened. */
export class Stage {
  readonly table: string;
  /** Never fires. */
  readonly signal: AbortSignal = new AbortController().signal;
  readonly #subject: DestinationSubject;
  readonly #made: Destination[] = [];
  readonly #children: Child[] = [];

  constructor(subject: DestinationSubject, table: string) {
    this.#subject = subject;
    this.table = table;
    setMaxListeners(0, this.signal);
  }

  /** An instance, closed when the claim is done. */
  async make(
    from: () => Destination | Promise<Destination> = () => this.#subject.make(),
  ): Promise<Destination> {
    const destination = await from();
    this.#made.push(destination);
    return destination;
  }

  async open(): Promise<Destination> {
    const destination = await this.make();
    await destination.open(this.signal);
    return destination;
  }

  /** Opened, and with the table. */
  async ready(): Promise<Destination> {
    const destination = await this.open();
    await destination.ensureTable(this.table, this.signal);
    return destination;
  }

  /** Runs a program of this folder; killed at the latest when the claim is done. */
  start(program: string, order: object): Child {
    const child = new Child(new URL(`./${program}.js`, import.meta.url), order);
    this.#children.push(child);
    return child;
  }

  async end(): Promise<void> {
    for (const child of this.#children) await child.kill();
    await this.close();
  }

  async close(): Promise<void> {
    for (const destination of this.#made.splice(0).reverse()) await destination.close();
  }

  /** Closes all instances, and reads the table. */
  async rows(table = this.table): Promise<Row[]> {
    await this.close();
    return await this.#subject.rows(table);
  }

  /** Closes all instances, and describes the storage, where the subject can. */
  async describe(): Promise<unknown> {
    await this.close();
    return await offered('describe', this.#subject.describe)?.();
  }

  /** As many batches as the subject's limits and the destination's partitions ask for. */
  batches(rows: readonly Row[], destination: Destination): Batch[] {
    const { limits } = this.#subject;
    const batches: Batch[] = [];
    let [from, bytes, part] = [0, 0, undefined as string | undefined];
    for (const [at, row] of rows.entries()) {
      const next = destination.partition?.(row);
      const full = at - from >= limits.rows || bytes + row.body.length > limits.bytes;
      if (at > from && (full || next !== part)) {
        batches.push(makeBatch(this.table, rows.slice(from, at)));
        [from, bytes] = [at, 0];
      }
      bytes += row.body.length;
      part = next;
    }
    return [...batches, makeBatch(this.table, rows.slice(from))];
  }

  /** Writes rows to the table, as one batch where the limits and the destination's partitions allow. */
  async land(rows: readonly Row[]): Promise<void> {
    const destination = await this.ready();
    for (const batch of this.batches(rows, destination)) await destination.write(batch, this.signal);
  }

  /** Exactly these rows are in the table, each once. */
  async holds(rows: readonly Row[], table = this.table): Promise<void> {
    expectRows(await this.rows(table), rows);
  }
}

export function expectRows(landed: readonly Row[], rows: readonly Row[]): void {
  const found = rowsById(landed);
  const missing = rows.filter(({ requestId }) => !found.has(requestId)).length;
  const counts = { rows: landed.length, different: found.size, missing };
  same('rows in the table', counts, { rows: rows.length, different: rows.length, missing: 0 });
  for (const row of rows) {
    const other = found.get(row.requestId);
    const equal =
      other !== undefined &&
      Object.is(other.timestamp, row.timestamp) &&
      other.key === row.key &&
      Buffer.compare(other.body, row.body) === 0;
    if (!equal) same(`the row ${row.requestId}`, other && readable(other), readable(row));
  }
}

export function rowsById(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.requestId, row]));
}

/** A row in a form that compares, and that fails readably. */
export function readable({ requestId, timestamp, key, body }: Row): object {
  return { requestId, timestamp, key, body: Buffer.from(body).toString('latin1') };
}
