/** What a mean gives to the newest value. */
const weight = 1 / 16;

/** Milliseconds between two writes after which this thread had something else to do, or nothing. */
const pause = 20;

/**
 * How many records the next write waits for. Senders go round in a ring: they wait for a write, are answered,
 * and ask again. When a write takes longer than the work on all of them, all should share each write. When the
 * work takes longer, this thread is what must never wait: then one half is written while it works on the
 * other. Left alone, the halves stay as unequal as they happen to be, and the larger one keeps the thread
 * waiting.
 */
export class Pace {
  /** Milliseconds that this thread works on a record, and that a write takes; means. */
  #work = 0;
  #write = 0;
  #landedAt = 0;
  #idleBefore = 0;
  #enough = Number.POSITIVE_INFINITY;

  /** Records that are a half; infinite when all should share the write. */
  get enough(): number {
    return this.#enough;
  }

  /**
   * @param records that were written
   * @param waiting records that came meanwhile
   * @param began when the write began, by `performance.now()`
   * @param idle how long this thread has had nothing to do since it was started, in milliseconds
   */
  landed(
    records: number,
    waiting: number,
    began: number,
    now = performance.now(),
    idle = performance.nodeTiming.idleTime,
  ): void {
    const since = now - this.#landedAt;
    if (since < pause && records > 0) {
      const worked = since - (idle - this.#idleBefore);
      this.#work += weight * (worked / records - this.#work);
      this.#write += weight * (now - began - this.#write);
    }
    this.#landedAt = now;
    this.#idleBefore = idle;
    const all = records + waiting;
    this.#enough = this.#work * all > this.#write ? Math.ceil(all / 2) : Number.POSITIVE_INFINITY;
  }
}
