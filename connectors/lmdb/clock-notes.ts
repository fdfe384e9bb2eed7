import type { ClockNote, TrustedClock } from '../../core/index.js';
import type { Claim } from './claim.js';
import type { Db, Environment } from './environment.js';
import type { SpoolLogger } from './journal/retiring.js';
import { twice } from './twice.js';

const key = Buffer.from('clock');

/** How often what the clock shows is noted, in milliseconds: each note is a flush of the disk. */
const writeEvery = 60_000;

/** What time it was last, while that was certain: whoever starts after the clock was set can know by it. */
export class ClockNotes {
  readonly #db: Db<ClockNote>;
  readonly #claim: Claim;
  readonly #clock: TrustedClock;
  #writtenAt = Number.NEGATIVE_INFINITY;

  constructor(environment: Environment, claim: Claim, clock: TrustedClock, logger: SpoolLogger) {
    this.#db = environment.db('clock', twice<ClockNote>('the time at which it was last seen', logger));
    this.#claim = claim;
    this.#clock = clock;
  }

  /** A note that its disk has changed says nothing, and stops nothing. */
  resume(): void {
    let note: ClockNote | undefined;
    try {
      note = this.#db.get(key);
    } catch {
      return;
    }
    if (note !== undefined) this.#clock.resume(note);
  }

  /** By the claim's holder, about once a minute. */
  async write(): Promise<void> {
    const now = performance.now();
    if (now - this.#writtenAt < writeEvery) return;
    const note = this.#clock.note();
    if (note === undefined) return;
    this.#writtenAt = now;
    await this.#claim.batch(() => void this.#db.put(key, note));
  }
}
