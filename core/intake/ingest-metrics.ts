import type { Count, Metrics } from '../contract/metrics.js';
import type { Pipeline } from '../contract/pipeline.js';
import type { LimitName } from './door.js';

/** What a limit has refused, by the limit. */
export function limitedTotal(metrics: Metrics): Count {
  return metrics.counter('hookline_limited_total', 'Requests and connections refused by a limit', ['limit']);
}

/** What a request that names a pipeline may be refused for. */
const codes = [
  'MISSING_PARAMETER: key',
  'MISSING_PARAMETER: token',
  'INVALID_PARAMETER: pipeline_id',
  'INVALID_PARAMETER: key',
  'INVALID_PARAMETER: token',
  'INVALID_PARAMETER: body',
  'NO_BODY_PROVIDED',
  'METHOD_NOT_ALLOWED',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_ENCODING',
  'TOO_MANY_REQUESTS',
  'OVERLOADED',
] as const;

/** In place of the pipeline of a request that names none of the configuration. */
const nobody = 'none';

interface Sum {
  requests: number;
  bytes: number;
  /** Seconds since the epoch. */
  last: number;
}

/** Plain counting on the hot path; prom-client's share is done when the numbers are read. */
export class IngestMetrics {
  readonly #accepted = new Map<string, Sum>();
  /** By pipeline and code. */
  readonly #refused = new Map<string, Map<string, number>>();
  readonly #limited = new Map<LimitName, number>();
  readonly #begun = new Set<string>();
  readonly #requestsTotal;
  readonly #bytesTotal;
  readonly #lastAccepted;
  readonly #refusedTotal;
  readonly #limitedTotal;

  constructor(metrics: Metrics) {
    this.#requestsTotal = metrics.counter('hookline_requests_accepted_total', 'Requests answered 200', [
      'pipeline',
    ]);
    this.#bytesTotal = metrics.counter('hookline_accepted_bytes_total', 'Bytes of accepted bodies', [
      'pipeline',
    ]);
    this.#lastAccepted = metrics.gauge(
      'hookline_last_accepted_timestamp_seconds',
      'When a request was answered 200 last, in seconds since the epoch; 0 where none was since the start',
      ['pipeline'],
      'max',
    );
    this.#refusedTotal = metrics.counter('hookline_requests_refused_total', 'Requests not answered 200', [
      'pipeline',
      'error',
    ]);
    this.#limitedTotal = limitedTotal(metrics);
  }

  /** The series of these pipelines are there from now on: none that begins later tells what made it begin. */
  begin(pipelines: Iterable<Pipeline>): void {
    for (const { id: pipeline, signature } of pipelines) {
      if (this.#begun.has(pipeline)) continue;
      this.#begun.add(pipeline);
      this.#requestsTotal.add(0, { pipeline });
      this.#bytesTotal.add(0, { pipeline });
      this.#lastAccepted.set(0, { pipeline });
      const further = signature === undefined ? [] : ['INVALID_SIGNATURE'];
      for (const error of [...codes, ...further]) this.#refusedTotal.add(0, { pipeline, error });
    }
  }

  /** @param timestamp seconds since the epoch */
  accepted(pipeline: string, bytes: number, timestamp: number): void {
    const sum = this.#accepted.get(pipeline);
    if (sum === undefined) {
      this.#accepted.set(pipeline, { requests: 1, bytes, last: timestamp });
      return;
    }
    sum.requests++;
    sum.bytes += bytes;
    sum.last = timestamp;
  }

  /** @param pipeline of the configuration; empty where the request named none */
  refused(code: string, pipeline: string): void {
    let counts = this.#refused.get(pipeline);
    if (counts === undefined) {
      counts = new Map();
      this.#refused.set(pipeline, counts);
    }
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }

  limited(limit: LimitName): void {
    this.#limited.set(limit, (this.#limited.get(limit) ?? 0) + 1);
  }

  report(): void {
    for (const [pipeline, sum] of this.#accepted) {
      this.#requestsTotal.add(sum.requests, { pipeline });
      this.#bytesTotal.add(sum.bytes, { pipeline });
      this.#lastAccepted.set(sum.last, { pipeline });
    }
    for (const [pipeline, counts] of this.#refused) {
      for (const [error, count] of counts) {
        this.#refusedTotal.add(count, { pipeline: pipeline || nobody, error });
      }
    }
    for (const [limit, count] of this.#limited) this.#limitedTotal.add(count, { limit });
    this.#accepted.clear();
    this.#refused.clear();
    this.#limited.clear();
  }
}
