import { totalmem } from 'node:os';
import { RetryableError } from '../../core/contract/errors.js';

/** Bytes that a database begins with: a row of the largest body takes 64 MiB. */
const usual = 72 * 1024 ** 2;

/** Rows that DuckDB has in memory at once, whatever it does: its vector. Large bodies make that much. */
const atOnce = '2,048 rows';

/**
 * How much memory a database may take: what was configured; or, without that, little, and twice as much each time that
 * it does not do, up to half of the machine's. A lane would stand still for ever otherwise, as nothing smaller than a
 * vector can be committed.
 */
export class MemoryAllowance {
  readonly #isFixed: boolean;
  readonly #most = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / 2;
  #bytes: number;
  /** What the database that is open was opened with. */
  #taken = 0;

  constructor(configured: number | undefined) {
    this.#isFixed = configured !== undefined;
    this.#bytes = configured ?? usual;
  }

  /** Bytes, for a database that is opened now. */
  take(): number {
    this.#taken = this.#bytes;
    return this.#bytes;
  }

  /** It did not do for one who only asks, for whom no more is taken. */
  asked(doing: string, cause: unknown): RetryableError {
    return new RetryableError(`${this.#had(doing)}: ask for less, or raise memoryLimit`, { cause });
  }

  /** It did not do. There is more the next time, or the error says what to do. */
  short(doing: string, cause: unknown): RetryableError {
    const had = this.#had(doing);
    if (this.#isFixed) {
      return new RetryableError(`${had}: raise memoryLimit, so that ${atOnce} fit into it, or leave it out`, {
        cause,
      });
    }
    // Whoever ran out of it at the same time wants no second doubling.
    if (this.#taken === this.#bytes)
      this.#bytes = Math.max(this.#bytes, Math.min(2 * this.#bytes, this.#most));
    if (this.#bytes > this.#taken) {
      return new RetryableError(
        `${had}, as ${atOnce} have to fit into it: it has ${written(this.#bytes)} from now on`,
        {
          cause,
        },
      );
    }
    return new RetryableError(
      `${had}, half of this machine's: set memoryLimit to what ${atOnce} take, on a machine that has it`,
      { cause },
    );
  }

  #had(doing: string): string {
    return `${doing}: it takes more memory than the ${written(this.#taken)} that DuckDB has`;
  }
}

function written(bytes: number): string {
  return `${Math.floor(bytes / 1024 ** 2)}MiB`;
}
