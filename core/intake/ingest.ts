import { inject, injectable } from 'inversify';
import { instructionOf, messageOf, OverloadedError } from '../contract/errors.js';
import { keys, parts } from '../contract/keys.js';
import type { Logger } from '../contract/logger.js';
import type { Metrics } from '../contract/metrics.js';
import type { Pipeline } from '../contract/pipeline.js';
import { type LaneId, laneId, type Spool } from '../contract/spool.js';
import { failpoint } from '../host/failpoint.js';
import { Complaints } from '../kit/complaints.js';
import type { Arrival } from './arrival.js';
import { readBody } from './body.js';
import { unixTimestamp } from './clock.js';
import type { Door, LimitName } from './door.js';
import { newRequestId } from './identity.js';
import { IngestMetrics } from './ingest-metrics.js';
import type { RateLimit } from './rate-limit.js';
import { type Refusal, Refusals } from './refusals.js';
import {
  accepted,
  challenged,
  errorOf,
  type Reply,
  refused,
  replies,
  shakenHands,
  tooManyRequests,
} from './reply.js';
import {
  type Credentials,
  namedPipeline,
  type RefusalCode,
  readCredentials,
  readPipeline,
} from './request.js';
import { Gate } from './signatures/gate.js';

/** Milliseconds. */
const tellProxyEvery = 600_000;

/** Undoes a body's content encoding; a reply says why it cannot be done. */
export type Unpack = () => Promise<Buffer | Reply>;

/** Where a pipeline's records go, and who lets them in. */
export interface Route {
  readonly lanes: readonly LaneId[];
  readonly gate: Gate | undefined;
}

/** A request whose body may come: what its head says. */
export interface Admitted {
  readonly arrival: Arrival;
  readonly credentials: Credentials;
  readonly route: Route;
  readonly proven: boolean;
  /** Of its body; `undefined` where the head does not tell. */
  readonly length: number | undefined;
}

export function isReply(judged: Admitted | Reply): judged is Reply {
  return 'status' in judged;
}

/**
 * The ack path: query and body become a record, the record becomes durable, the sender gets its answer.
 * It touches no warehouse and no token store.
 */
@injectable()
export class Ingest {
  readonly #spool: Spool;
  #routes: ReadonlyMap<string, Route>;
  #limits: ReadonlyMap<string, RateLimit>;
  #door: Door;
  readonly #logger: Logger;
  readonly #tally: IngestMetrics;
  readonly #complaints: Complaints;
  readonly #refusals = new Refusals();
  #proxyToldAt = Number.NEGATIVE_INFINITY;

  constructor(
    @inject(parts.spool) spool: Spool,
    @inject(parts.pipelines) pipelines: ReadonlyMap<string, Pipeline>,
    @inject(parts.limits) limits: ReadonlyMap<string, RateLimit>,
    @inject(parts.door) door: Door,
    @inject(keys.logger) logger: Logger,
    @inject(keys.metrics) metrics: Metrics,
  ) {
    this.#spool = spool;
    this.#limits = limits;
    this.#door = door;
    this.#logger = logger;
    this.#tally = new IngestMetrics(metrics);
    this.#complaints = new Complaints(logger);
    this.#routes = routesOf(pipelines, this.#logger);
    this.#tally.begin(pipelines.values());
  }

  /** From the next request on these count. */
  change(pipelines: ReadonlyMap<string, Pipeline>, limits: ReadonlyMap<string, RateLimit>, door: Door): void {
    this.#routes = routesOf(pipelines, this.#logger);
    this.#limits = limits;
    this.#door = door;
    this.#tally.begin(pipelines.values());
  }

  /**
   * What can be said by a POST's head: an answer that needs no body, or that its body may come. An answer is not
   * counted yet: whoever gives it says so by `refused`.
   * @param length bytes of its body as it is sent; `undefined` where the head does not tell
   * @param most bytes that a body may have
   */
  admit(arrival: Arrival, length: number | undefined, most: number): Admitted | Reply {
    const early = this.knock(arrival);
    if (early !== undefined) return early;
    const credentials = this.#credentials(arrival);
    if (typeof credentials === 'string') return refused(credentials);
    const route = this.#routes.get(credentials.pipeline);
    if (route === undefined) return refused('INVALID_PARAMETER: pipeline_id');
    if (length !== undefined && length > most) return replies.bodyTooLarge;
    // Whoever signs is no stranger.
    const proven = route.gate !== undefined || this.#door.knows(credentials.sender);
    const excess = this.#door.enter(arrival, credentials.sender, proven, length ?? 0);
    if (excess !== undefined) return this.#exceeded(excess.limit, excess.wait);
    return { arrival, credentials, route, proven, length };
  }

  /** The answer to a client that has sent too much, whatever it asks now. */
  knock(arrival: Arrival): Reply | undefined {
    const excess = this.#door.knock(arrival);
    return excess && this.#exceeded(excess.limit, excess.wait);
  }

  /** Likewise, where what it has sent could not be read as a request. */
  knockAt(peer: string | undefined): Reply | undefined {
    const excess = this.#door.knockAt(peer);
    return excess && this.#exceeded(excess.limit, excess.wait);
  }

  /** The client address that a request is from; `undefined` for one that has no limits. */
  clientOf({ arrival }: Admitted): string | undefined {
    return this.#door.clientOf(arrival);
  }

  /** Bodies in flight are at their budget. */
  full(): Reply {
    this.#tally.limited('bodies');
    this.#complain(
      new OverloadedError('bodies in flight take as much memory as they may (server.webhooks.bodies)'),
    );
    return replies.overloaded;
  }

  /**
   * Never rejects: our own trouble is a 503.
   * @param posted the body's bytes as they came, not changed after the call
   * @param unpack undoes their content encoding, if they have one; called only once the signature is good
   */
  async accept(admitted: Admitted, posted: Buffer, unpack?: Unpack): Promise<Reply> {
    const { arrival, credentials, route, proven } = admitted;
    const { pipeline, key, tokenDigest, sender } = credentials;
    const { lanes, gate } = route;
    try {
      if (admitted.length === undefined) this.#door.pay(arrival, sender, proven, posted.length);
      const refuse = (reply: Reply) => this.#refuse(reply, arrival, posted.length);
      if (gate !== undefined && !gate.admits(arrival, posted)) return refuse(refused('INVALID_SIGNATURE'));
      const unpacked = unpack === undefined ? posted : await unpack();
      if (!Buffer.isBuffer(unpacked)) return refuse(unpacked);
      const body = readBody(unpacked);
      if (typeof body === 'string') return refuse(refused(body));
      const challenge = gate?.scheme.challenge?.(body);
      if (challenge !== undefined) return challenged(challenge);
      const wait = this.#limits.get(pipeline)?.take(body.length) ?? 0;
      if (wait > 0) return refuse(this.#exceeded('pipeline', wait));
      const quota = proven ? undefined : this.#door.quotaOf(arrival);
      if (!proven) this.#door.ask(sender);

      failpoint?.('request.read');
      const requestId = newRequestId();
      const timestamp = unixTimestamp();
      const record = { requestId, timestamp, key, tokenDigest, body, unproven: !proven };
      await this.#spool.append(lanes, quota === undefined ? record : { ...record, quota });
      failpoint?.('request.durable');
      this.#tally.accepted(pipeline, body.length, timestamp);
      return accepted(requestId, timestamp);
    } catch (error) {
      this.#complain(error);
      if (isOfShare(error)) this.#tally.limited('share');
      return this.#refuse(replies.overloaded, arrival, posted.length);
    }
  }

  /** The answer to a GET that tests the URL of a pipeline; `undefined` where there is no such test. */
  handshake(query: string): Reply | undefined {
    const parameters = new URLSearchParams(query);
    const gate = this.#routes.get(parameters.get('pipeline_id') ?? '')?.gate;
    const answer = gate?.scheme.handshake?.(parameters);
    if (answer === undefined) return undefined;
    return 'text' in answer ? shakenHands(answer.text) : refused(`INVALID_PARAMETER: ${answer.wrong}`);
  }

  /**
   * Counts and notes an answer that was given before there was a body to look at.
   * @param size bytes of the body, where the head told them
   */
  refused(reply: Reply, arrival: Arrival, size?: number): void {
    const named = namedPipeline(arrival.query);
    const pipeline = this.#routes.has(named) ? named : '';
    const error = errorOf(reply);
    this.#tally.refused(error, pipeline);
    const client = this.#door.clientOf(arrival) ?? arrival.peer ?? '';
    this.#refusals.note(pipeline, error, client, () => {
      const contentType = arrival.header('content-type')?.slice(0, 200);
      const userAgent = arrival.header('user-agent')?.slice(0, 200);
      return {
        ...(size !== undefined && { size }),
        ...(contentType !== undefined && { contentType }),
        ...(userAgent !== undefined && { userAgent }),
      };
    });
  }

  /** What was refused last, newest first. @param pipeline of this one alone */
  refusals(limit: number, pipeline?: string): Refusal[] {
    return this.#refusals.list(limit, pipeline);
  }

  /** To be called with the first request of each connection. */
  meet(arrival: Arrival): void {
    const now = performance.now();
    if (now - this.#proxyToldAt < tellProxyEvery) return;
    const proxy = this.#door.untrustedProxy(arrival);
    if (proxy === undefined) return;
    this.#proxyToldAt = now;
    this.#logger.warn(
      {},
      `${proxy} says for whom it passes requests on, and is not believed, so that all who come through it count as ` +
        'one client, and those through this machine itself have no limit: if it is your proxy, name its address in ' +
        'server.webhooks.trustedProxies (and the header that it writes as clientHeader)',
    );
  }

  /** Adds what happened since the last call to the metrics. */
  report(): void {
    this.#tally.report();
  }

  #exceeded(limit: LimitName, wait: number): Reply {
    this.#tally.limited(limit);
    return tooManyRequests(wait);
  }

  /** Those of the request, or, where it has none, those that stand in for it by its pipeline's configuration. */
  #credentials(arrival: Arrival): Credentials | RefusalCode {
    const authorization = arrival.header('authorization');
    const credentials = readCredentials(arrival.query, authorization);
    if (credentials !== 'MISSING_PARAMETER: key') return credentials;
    const pipeline = readPipeline(arrival.query, authorization);
    return (pipeline && this.#routes.get(pipeline)?.gate?.standIn) || credentials;
  }

  #refuse(reply: Reply, arrival: Arrival, size: number): Reply {
    this.refused(reply, arrival, size);
    return reply;
  }

  #complain(error: unknown): void {
    const bug = instructionOf(error) === undefined;
    this.#complaints.say(`requests are answered 503: ${messageOf(error)}`, bug ? { err: error } : {});
  }
}

/** Whether the spool is full for strangers alone. */
function isOfShare(error: unknown): boolean {
  return (
    instructionOf(error) === 'overloaded' && (error as { readonly unproven?: boolean }).unproven === true
  );
}

function routesOf(pipelines: ReadonlyMap<string, Pipeline>, logger: Logger): ReadonlyMap<string, Route> {
  return new Map(
    [...pipelines.values()].map(({ id, destinations, signature }) => [
      id,
      {
        lanes: destinations.map((destination) => laneId(id, destination)),
        gate: signature && new Gate(id, signature, logger),
      },
    ]),
  );
}
