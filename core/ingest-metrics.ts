import type { LimitName } from './door.js';
import type { Count, Metrics } from './metrics.js';

/** What a limit has refused, by the limit. */
export function limitedTotal(metrics: Metrics): Count {
  return metrics.counter('hookline_limited_total', 'Requests and connections refused by a limit', ['limit']);
}

/** Plain counting on the hot path; prom-client's share is done when the numbers are read. */
export class IngestMetrics {
  readonly #accepted = new Map<string, { requests: number; bytes: number }>();
  readonly #refused = new Map<string, number>();
  readonly #limited = new Map<LimitName, number>();
  readonly #requestsTotal;
  readonly #bytesTotal;
  readonly #refusedTotal;
  readonly #limitedTotal;

  constructor(metrics: Metrics) {
    this.#requestsTotal = metrics.counter('hookline_requests_accepted_total', 'Requests answered 200', [
      'pipeline',
    ]);
    this.#bytesTotal = metrics.counter('hookline_accepted_bytes_total', 'Bytes of accepted bodies', [
      'pipeline',
    ]);
    this.#refusedTotal = metrics.counter('hookline_requests_refused_total', 'Requests not answered 200', [
      'error',
    ]);
    this.#limitedTotal = limitedTotal(metrics);
  }

  accepted(pipeline: string, bytes: number): void {
    const sum = this.#accepted.get(pipeline);
    if (sum === undefined) {
      this.#accepted.set(pipeline, { requests: 1, bytes });
      return;
    }
    sum.requests++;
    sum.bytes += bytes;
  }

  refused(code: string): void {
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
  }

  limited(limit: LimitName): void {
    this.#limited.set(limit, (this.#limited.get(limit) ?? 0) + 1);
  }

  report(): void {
    for (const [pipeline, sum] of this.#accepted) {
      this.#requestsTotal.add(sum.requests, { pipeline });
      this.#bytesTotal.add(sum.bytes, { pipeline });
    }
    for (const [error, count] of this.#refused) this.#refusedTotal.add(count, { error });
    for (const [limit, count] of this.#limited) this.#limitedTotal.add(count, { limit });
    this.#accepted.clear();
    this.#refused.clear();
    this.#limited.clear();
  }
}
