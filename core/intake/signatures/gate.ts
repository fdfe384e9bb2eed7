import type { Logger } from '../../contract/logger.js';
import type { Signed } from '../../contract/pipeline.js';
import { senderId } from '../../contract/sender.js';
import type { Arrival } from '../arrival.js';
import { type Credentials, vouched } from '../request.js';
import type { Signature } from './scheme.js';

const complainEvery = 60_000;

/** The way into a pipeline whose senders sign. */
export class Gate {
  readonly scheme: Signature;
  /** What counts for a sender whose URL has neither key nor token; `undefined` where it must have both. */
  readonly standIn: Credentials | undefined;
  readonly #pipeline: string;
  readonly #logger: Logger;
  #lastComplaint = Number.NEGATIVE_INFINITY;

  constructor(pipeline: string, { scheme, key }: Signed, logger: Logger) {
    this.scheme = scheme;
    this.standIn =
      key === undefined ? undefined : { pipeline, key, tokenDigest: vouched, sender: senderId(key, vouched) };
    this.#pipeline = pipeline;
    this.#logger = logger;
  }

  /**
   * Whether the request is signed. The sender is told no more than that; the operator is told why not, once a
   * minute at most, as strangers can come as often as they like.
   */
  admits(arrival: Arrival, posted: Buffer): boolean {
    const fault = this.scheme.check(arrival, posted, Date.now());
    if (fault === undefined) return true;
    const now = performance.now();
    if (now - this.#lastComplaint >= complainEvery) {
      this.#lastComplaint = now;
      const pipeline = this.#pipeline;
      this.#logger.warn({ pipeline }, `pipeline ${pipeline}: a request was refused, as ${fault}`);
    }
    return false;
  }
}
