import { ConfigError, instructionOf, messageOf, refusalOf } from '../contract/errors.js';
import type { Halt } from '../contract/halts.js';
import { type LaneId, laneParts, type SealedBatch, type Spool } from '../contract/spool.js';
import { failpoint } from '../host/failpoint.js';
import { deadPages } from '../operations/pages.js';
import { isDamaged } from './deliver.js';

/** How a halted lane gets at rows. */
export interface Hands {
  /** Write a batch. It may be one that has landed. */
  readonly write: (batch: SealedBatch) => Promise<void>;
  /** Seal what comes next; `undefined` where nothing waits. */
  readonly seal: () => Promise<SealedBatch | undefined>;
}

/** What a look has found. */
export interface Finding {
  /** It landed, by itself, and is settled. */
  readonly landed: SealedBatch;
  /** How many dead letters were put back, as the table takes rows again; `undefined` where the rows were to blame. */
  readonly revived: number | undefined;
}

/**
 * Tells a table's fault from bad rows, in one lane. Where so many rows in a row were refused alike and none landed,
 * the table is taken to be at fault: the lane is halted before the last of them becomes a dead letter. Each look at a
 * halted lane then tries that row, and one from behind all that were refused:
 *
 * - the first lands: the table was at fault. The dead letters of this halt are put back.
 * - only the one behind lands: the rows were to blame. The first becomes a dead letter too, and the lane goes on.
 * - one behind lands that had been refused before: the table has changed. What it refused has its second chance.
 *
 * A halt is noted before it counts, and the note goes before the row that ended it is settled. So whichever
 * instruction a process is killed at, the next one finds the halt and its row, writes the row again under its id, and
 * puts back what is still dead. A run that has not come to a halt is not noted: its dead letters stay dead.
 */
export class Suspicion {
  readonly #lane: LaneId;
  readonly #table: string;
  readonly #spool: Spool;
  readonly #most: number;
  /** The rows refused alike since the last one landed. */
  #run: { readonly refusal: string; readonly rows: Set<string> } | undefined;
  #halt: Halt | undefined;
  #isRead = false;
  #looks = 0;
  /** Of the batches between the first and the newest, which one was tried last, counted from the newest. */
  #between = 0;

  /** @param most how many rows in a row may be refused alike until the lane is halted */
  constructor(lane: LaneId, table: string, spool: Spool, most: number) {
    this.#lane = lane;
    this.#table = table;
    this.#spool = spool;
    this.#most = most;
  }

  /** Whether the lane is halted for a table that refuses every row, by this process or by one before it. */
  async isConfirmed(): Promise<boolean> {
    if (!this.#isRead) this.#halt = await this.#spool.halts?.get(this.#lane);
    this.#isRead = true;
    return this.#halt !== undefined;
  }

  /** A row was refused by itself: whether it is to blame, and so becomes a dead letter. Not a second time for one row. */
  async condemns(requestId: string, error: unknown): Promise<boolean> {
    const refusal = refusalOf(error);
    if (this.#run?.refusal !== refusal) this.#run = { refusal, rows: new Set() };
    const { rows } = this.#run;
    rows.add(requestId);
    if (rows.size < this.#most) return true;
    const dead = [...rows].filter((id) => id !== requestId);
    await this.#note({ refusal, reason: messageOf(error), dead });
    this.#run = undefined;
    this.#looks = 0;
    return false;
  }

  landed(): void {
    this.#run = undefined;
  }

  /** @throws ConfigError while the table still refuses every row */
  async look({ write, seal }: Hands): Promise<Finding> {
    const halt = this.#halt;
    if (halt === undefined) throw new Error('the lane is not halted');
    this.#looks++;
    const first = (await this.#spool.sealed(this.#lane)) ?? (await seal());
    // What is damaged is set aside by the next step, and never written.
    if (first === undefined || isDamaged(first)) throw this.#fault(halt);
    if (await isTaken(first, write)) return this.#heal(halt, first);
    const beyond = await this.#beyond(first, seal);
    if (beyond === undefined) throw this.#fault(halt);
    const id = beyond.rows[0]?.requestId;
    const isTried = halt.beyond === id;
    if (!(await isTaken(beyond, write))) {
      const isNewest = (await this.#spool.sealed(this.#lane, 'newest'))?.id === beyond.id;
      if (!isTried && isNewest && id !== undefined) await this.#note({ ...halt, beyond: id });
      throw this.#fault(halt);
    }
    if (isTried) return this.#heal(halt, beyond);
    // Somebody may have mended the table between the two; the one behind is then written again under its id.
    if (await isTaken(first, write)) return this.#heal(halt, first);
    const newest = await this.#spool.sealed(this.#lane, 'newest');
    const isOther = newest?.rows.length === 1 && newest.rows[0]?.requestId === halt.beyond;
    if (newest !== undefined && isOther && (await isTaken(newest, write))) return this.#heal(halt, newest);
    if (first.rows.length === 1) await this.#spool.settle(first, { reason: halt.reason });
    await this.#end(beyond);
    return { landed: beyond, revived: undefined };
  }

  /**
   * A row from behind those that were refused: the newest that is sealed, and every other time the last one of a batch
   * between, in turn, as the newest may be a bad one, and nothing may come behind it. What comes meanwhile is sealed
   * more and more rarely, as each time some batches more are left lying.
   */
  async #beyond(first: SealedBatch, seal: Hands['seal']): Promise<SealedBatch | undefined> {
    const at = (place: number) => this.#spool.sealed(this.#lane, place);
    const newest = await at(0);
    const isTime = this.#looks > 1 && (this.#looks & (this.#looks - 1)) === 0;
    let last = newest?.id === first.id || isTime ? await seal() : undefined;
    let place = 0;
    if (last === undefined && this.#looks % 2 === 0) {
      place = this.#between + 1;
      last = await at(place);
      if (last === undefined || last.id === first.id) [place, last] = [0, undefined];
      this.#between = place;
    }
    last ??= newest;
    while (last !== undefined && last.rows.length > 1 && last.id !== first.id) {
      await this.#spool.split(last);
      last = await at(place);
    }
    return last?.id === first.id || last?.rows[0]?.damaged === true ? undefined : last;
  }

  async #heal({ dead }: Halt, landed: SealedBatch): Promise<Finding> {
    let revived = 0;
    const ids = new Set(dead);
    for await (const letters of deadPages(this.#spool, laneParts(this.#lane))) {
      for (const letter of letters) {
        if (ids.has(letter.requestId) && (await this.#spool.revive(letter))) revived++;
      }
    }
    failpoint?.('halt.revived');
    await this.#end(landed);
    return { landed, revived };
  }

  async #end(landed: SealedBatch): Promise<void> {
    await this.#spool.halts?.remove(this.#lane);
    this.#halt = undefined;
    failpoint?.('halt.ended');
    await this.#spool.settle(landed, 'landed', this.#table);
  }

  async #note(halt: Halt): Promise<void> {
    await this.#spool.halts?.put(this.#lane, halt);
    this.#halt = halt;
    this.#isRead = true;
  }

  #fault({ reason, dead }: Halt): ConfigError {
    return new ConfigError(
      `table ${this.#table} seems to refuse every row, the last ${dead.length + 1} alike: ${reason}. Mend the table: ` +
        'then all of them land, also those that became dead letters. It is tried again every minute',
    );
  }
}

/** Whether the warehouse takes the batch. */
async function isTaken(batch: SealedBatch, write: Hands['write']): Promise<boolean> {
  try {
    await write(batch);
    return true;
  } catch (error) {
    if (instructionOf(error) !== 'permanent') throw error;
    return false;
  }
}
