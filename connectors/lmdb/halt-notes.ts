import type { Halt, Halts, LaneId } from '../../core/index.js';
import type { Claim } from './claim.js';
import type { Db, Environment } from './environment.js';
import type { SpoolLogger } from './journal/retiring.js';
import { lanePrefix } from './keys.js';
import { twice } from './twice.js';

/** Which lanes are halted for a table that refuses every row: one note for each, or none. */
export class HaltNotes implements Halts {
  readonly #db: Db<Halt>;
  readonly #claim: Claim;

  constructor(environment: Environment, claim: Claim, logger: SpoolLogger) {
    this.#db = environment.db('halts', twice<Halt>("a lane's halt", logger));
    this.#claim = claim;
  }

  async get(lane: LaneId): Promise<Halt | undefined> {
    return this.#db.get(lanePrefix(lane));
  }

  put(lane: LaneId, halt: Halt): Promise<void> {
    return this.#claim.batch(() => void this.#db.put(lanePrefix(lane), halt));
  }

  remove(lane: LaneId): Promise<void> {
    return this.#claim.batch(() => void this.#db.remove(lanePrefix(lane)));
  }
}
