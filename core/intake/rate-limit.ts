/** What may come, a second. */
export interface Limit {
  readonly requests?: number | undefined;
  readonly bytes?: number | undefined;
}

/**
 * Two token buckets, each of which holds a second's worth. A body is let in while there are any bytes left and
 * may take more than that: so one that is larger than a second's worth passes too, and is paid for afterwards.
 */
export class RateLimit {
  readonly #buckets: readonly Bucket[];
  #filledAt = performance.now();

  /** @param share of the limit: of several processes each keeps its part */
  constructor(limit: Limit, share = 1) {
    const { requests, bytes } = limit;
    this.#buckets = [
      ...(requests === undefined ? [] : [newBucket(requests * share, 1, () => 1)]),
      ...(bytes === undefined ? [] : [newBucket(bytes * share, Number.EPSILON, (length) => length)]),
    ];
  }

  /** 0 when a body of this length is let in; otherwise the seconds after which it may come again. */
  take(length: number): number {
    const wait = this.wait();
    if (wait === 0) for (const bucket of this.#buckets) bucket.level -= bucket.cost(length);
    return wait;
  }

  /** For a body that was let in before its length was known. */
  pay(length: number): void {
    for (const bucket of this.#buckets) bucket.level -= bucket.cost(length) - bucket.cost(0);
  }

  /** 0 when the next one would be let in; otherwise the seconds until then. */
  wait(): number {
    this.#fill();
    let wait = 0;
    for (const { level, least, perSecond } of this.#buckets) {
      wait = Math.max(wait, Math.ceil((least - level) / perSecond));
    }
    return wait;
  }

  #fill(): void {
    const now = performance.now();
    const seconds = (now - this.#filledAt) / 1000;
    this.#filledAt = now;
    for (const bucket of this.#buckets) {
      bucket.level = Math.min(bucket.capacity, bucket.level + seconds * bucket.perSecond);
    }
  }
}

interface Bucket {
  readonly perSecond: number;
  readonly capacity: number;
  /** What has to be in it for a request to be let in. */
  readonly least: number;
  readonly cost: (length: number) => number;
  level: number;
}

function newBucket(perSecond: number, least: number, cost: Bucket['cost']): Bucket {
  const capacity = Math.max(1, perSecond);
  return { perSecond, capacity, least, cost, level: capacity };
}
