import { inject, injectable } from 'inversify';
import { readBody } from './body.js';
import { unixTimestamp } from './clock.js';
import { instructionOf, messageOf } from './errors.js';
import { newRequestId } from './identity.js';
import { keys, parts } from './keys.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Pipeline } from './pipeline.js';
import type { RateLimit } from './rate-limit.js';
import { accepted, errorOf, type Reply, refused, replies, tooManyRequests } from './reply.js';
import { readCredentials } from './request.js';
import { type LaneId, laneId, type Spool } from './spool.js';

/** A body, or what gives it or the reason why it is refused. */
export type Posted = Buffer | (() => Promise<Buffer | Reply>);

/**
 * The ack path: query and body become a record, the record becomes durable, the sender gets its answer.
 * It touches no warehouse and no token store.
 */
@injectable()
export class Ingest {
  readonly #spool: Spool;
  readonly #routes: ReadonlyMap<string, readonly LaneId[]>;
  readonly #limits: ReadonlyMap<string, RateLimit>;
  readonly #logger: Logger;
  readonly #tally: Tally;
  #lastComplaint = 0;

  constructor(
    @inject(parts.spool) spool: Spool,
    @inject(parts.pipelines) pipelines: ReadonlyMap<string, Pipeline>,
    @inject(parts.limits) limits: ReadonlyMap<string, RateLimit>,
    @inject(keys.logger) logger: Logger,
    @inject(keys.metrics) metrics: Metrics,
  ) {
    this.#spool = spool;
    this.#limits = limits;
    this.#logger = logger;
    this.#tally = new Tally(metrics);
    this.#routes = new Map(
      [...pipelines.values()].map(({ id, destinations }) => [
        id,
        destinations.map((destination) => laneId(id, destination)),
      ]),
    );
  }

  /**
   * Never rejects: our own trouble is a 503.
   * @param query what follows the first `?` of the URL
   * @param authorization the header's value, if there is one
   * @param posted the body, not changed after the call; or how to undo its content encoding, which is
   *   done only once the credentials have the right form
   */
  async accept(query: string, authorization: string | undefined, posted: Posted): Promise<Reply> {
    try {
      const credentials = readCredentials(query, authorization);
      if (typeof credentials === 'string') return this.#refuse(credentials);
      const { pipeline, key, tokenDigest } = credentials;
      const lanes = this.#routes.get(pipeline);
      if (lanes === undefined) return this.#refuse('INVALID_PARAMETER: pipeline_id');
      const unpacked = typeof posted === 'function' ? await posted() : posted;
      if (!Buffer.isBuffer(unpacked)) {
        this.refused(unpacked);
        return unpacked;
      }
      const body = readBody(unpacked);
      if (typeof body === 'string') return this.#refuse(body);
      const wait = this.#limits.get(pipeline)?.take(body.length) ?? 0;
      if (wait > 0) {
        this.#tally.refused('TOO_MANY_REQUESTS');
        return tooManyRequests(wait);
      }

      const requestId = newRequestId();
      const timestamp = unixTimestamp();
      await this.#spool.append(lanes, { requestId, timestamp, key, tokenDigest, body });
      this.#tally.accepted(pipeline, body.length);
      return accepted(requestId, timestamp);
    } catch (error) {
      this.#complain(error);
      this.#tally.refused('OVERLOADED');
      return replies.overloaded;
    }
  }

  /** Counts an answer that was given before there was a body to look at. */
  refused(reply: Reply): void {
    this.#tally.refused(errorOf(reply));
  }

  /** Adds what happened since the last call to the metrics. */
  report(): void {
    this.#tally.report();
  }

  #refuse(code: Parameters<typeof refused>[0]): Reply {
    this.#tally.refused(code);
    return refused(code);
  }

  /** One line a second at most: a full disk under load must not fill the log as well. */
  #complain(error: unknown): void {
    const now = Date.now();
    if (now - this.#lastComplaint < 1000) return;
    this.#lastComplaint = now;
    const bug = instructionOf(error) === undefined;
    this.#logger.error(bug ? { err: error } : {}, `requests are answered 503: ${messageOf(error)}`);
  }
}

/** Plain counting on the hot path; prom-client's share is done when the numbers are read. */
class Tally {
  readonly #accepted = new Map<string, { requests: number; bytes: number }>();
  readonly #refused = new Map<string, number>();
  readonly #requestsTotal;
  readonly #bytesTotal;
  readonly #refusedTotal;

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

  report(): void {
    for (const [pipeline, sum] of this.#accepted) {
      this.#requestsTotal.add(sum.requests, { pipeline });
      this.#bytesTotal.add(sum.bytes, { pipeline });
    }
    for (const [error, count] of this.#refused) this.#refusedTotal.add(count, { error });
    this.#accepted.clear();
    this.#refused.clear();
  }
}
