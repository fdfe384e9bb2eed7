import { type Limit, RateLimit } from './rate-limit.js';
import { Recent } from './recent.js';

/** At most twice as many are remembered: some 20 MB. */
const remembered = 20_000;

/**
 * The same limit for each of any number of addresses or keys. Whoever was not heard of while very many others
 * were begins with a full one again: so the memory is bounded, however many names a stranger makes up.
 */
export class RateLimits {
  readonly #limit: Limit;
  readonly #share: number;
  readonly #known = new Recent<RateLimit>(remembered);

  /** @param share of the limit: of several processes each keeps its part */
  constructor(limit: Limit, share = 1) {
    this.#limit = limit;
    this.#share = share;
  }

  of(name: string): RateLimit {
    let limit = this.#known.get(name);
    if (limit === undefined) {
      limit = new RateLimit(this.#limit, this.#share);
      this.#known.set(name, limit);
    }
    return limit;
  }
}
