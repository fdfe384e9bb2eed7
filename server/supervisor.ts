import { AggregatorRegistry } from 'prom-client';
import type { Config } from '../config/schema.js';
import { messageOf } from '../core/contract/errors.js';
import type { Logger } from '../core/contract/logger.js';
import type { Metrics, MetricsJson } from '../core/contract/metrics.js';
import type { LaneReport } from '../core/delivery/engine.js';
import { newest, type Refusal } from '../core/intake/refusals.js';
import type { Channel } from './channel.js';
import { forkAck, forkLoad, forkRead } from './fork.js';
import { Post } from './post.js';
import { Reader } from './reader.js';
import type { Recruit } from './recruit.js';
import type {
  AckAnswers,
  LoadAnswers,
  Outcome,
  ReadAnswers,
  ReadingAnswers,
  RefusalsQuestion,
  RoleAnswers,
  RoleName,
  Start,
} from './roles/role.js';
import { Watchdog } from './watchdog.js';

/** Milliseconds that whoever looks at this server waits for one of its processes. */
const lookTimeout = 2000;

/** What is asked for is another server's to do. */
class Elsewhere extends Error {
  /** As the admin API answers. */
  readonly status = 501;
}

/**
 * Keeps the ack workers and the load process running. They share the spool and nothing else, so that
 * whatever a warehouse's SDK does to the load process, senders are answered.
 */
export class Supervisor {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #acks: readonly Post<AckAnswers>[];
  readonly #load: Post<LoadAnswers> | undefined;
  readonly #reader: Reader;
  readonly #watchdog: Watchdog;
  /** What each process said last of its metrics: it stands while the process does not answer. */
  readonly #lastMetrics = new Map<Post<RoleAnswers>, MetricsJson>();
  #retired = false;

  /** @param recruit becomes the first ack worker */
  constructor(
    config: Config,
    chosen: ReadonlySet<RoleName>,
    logger: Logger,
    metrics: Metrics,
    recruit?: Recruit,
  ) {
    this.#config = config;
    this.#logger = logger;
    this.#metrics = metrics;
    const restarts = metrics.counter('hookline_role_restarts_total', 'Processes started again', ['role']);
    restarts.add(0, { role: 'ack' });
    restarts.add(0, { role: 'load' });
    restarts.add(0, { role: 'read' });
    const post = <A extends AckAnswers | LoadAnswers>(role: 'ack' | 'load', name: string) =>
      new Post<A>({
        name,
        spawn: role === 'ack' ? () => recruit?.enlist() ?? forkAck() : forkLoad,
        start: () => this.#start(role),
        logger,
        restarted: () => restarts.add(1, { role }),
      });
    const { workers } = config.server.webhooks;
    this.#acks = chosen.has('ack')
      ? Array.from({ length: workers }, (_, index) => post<AckAnswers>('ack', `ack worker ${index + 1}`))
      : [];
    this.#load = chosen.has('load') ? post<LoadAnswers>('load', 'load process') : undefined;
    this.#reader = new Reader(
      () =>
        new Post<ReadAnswers>({
          name: 'read process',
          spawn: forkRead,
          start: () => this.#start('read'),
          logger,
          restarted: () => restarts.add(1, { role: 'read' }),
        }),
    );
    this.#watchdog = new Watchdog(this.#posts(), logger);
  }

  /** Rejects when an ack worker cannot start; a load process that cannot is tried again and again. */
  async open(): Promise<void> {
    this.#watchdog.start();
    for (const ack of this.#acks) await ack.open();
    if (this.#retired) return;
    this.#load?.open().catch((error) => {
      if (this.#retired) return;
      this.#logger.error({}, `the load process could not start: ${messageOf(error)}`);
      this.#load?.kill();
    });
  }

  /** The port that webhooks are accepted on; `undefined` without the ack role. */
  get port(): number | undefined {
    return this.#acks.find(({ port }) => port !== undefined)?.port;
  }

  /** Who works: the names and process ids of the children that run. */
  processes(): { readonly name: string; readonly pid: number }[] {
    return this.#all().flatMap(({ name, pid }) => (pid === undefined ? [] : [{ name, pid }]));
  }

  /** What the load process says of its lanes; nothing while there is none. */
  async lanes(): Promise<LaneReport[]> {
    return (
      (await this.#answering(this.#load)
        ?.ask('lanes', undefined, lookTimeout)
        .catch(() => [])) ?? []
    );
  }

  /** What the ack workers have refused last, newest first. */
  async refusals(question: RefusalsQuestion): Promise<Refusal[]> {
    const asked = this.#acks.map((ack) =>
      this.#answering(ack)
        ?.ask('refusals', question)
        .catch(() => []),
    );
    const answers = await Promise.all(asked);
    return newest(
      answers.flatMap((answer) => answer ?? []),
      question.limit,
    );
  }

  /** The way to ask the load process; waits for one that is being started. @throws Error when there is none */
  async load(): Promise<Channel<LoadAnswers>> {
    const channel = await this.#load?.ready(10_000);
    if (channel !== undefined) return channel;
    if (this.#load === undefined) throw new Elsewhere('the load role runs elsewhere');
    throw new Error('the load process does not start');
  }

  /** The way to ask whoever can read a destination for people: its own lanes' process where no other can. */
  async reading(destination: string): Promise<Channel<ReadingAnswers>> {
    if (this.#config.destinations.get(destination)?.plugin.exclusive) return await this.load();
    if (this.#retired) throw new Error('the server is shutting down');
    return await this.#reader.channel();
  }

  /** All processes make ready for another configuration. @throws Error when one of them cannot */
  async prepare(text: string): Promise<void> {
    if (this.#retired) throw new Error('the server is shutting down');
    await Promise.all(this.#posts().map((post) => post.prepare(text)));
  }

  /** All processes go on by what they prepared: first the load process, so that new lanes are known to it. */
  async adopt(): Promise<Outcome> {
    await this.#reader.close(1000);
    await this.#load?.adopt();
    await Promise.all(this.#acks.map((ack) => ack.adopt()));
    const load = await this.#load?.ready(10_000);
    const outcome = await load?.ask('outcome', undefined).catch(() => undefined);
    return outcome ?? { orphans: [], unfinished: false, troubled: [], looked: this.#load === undefined };
  }

  /** Why requests cannot be accepted now, and which processes hang; empty when all is well. */
  async faults(): Promise<string[]> {
    const looks = this.#acks
      .filter((ack) => !this.#watchdog.isSilent(ack))
      .map(async ({ name, channel }) => {
        if (channel === undefined) return `${name} is not running`;
        return channel.ask('health', undefined, 5000).then(() => undefined, messageOf);
      });
    const found = (await Promise.all(looks)).filter((fault) => fault !== undefined);
    return [...new Set([...this.#watchdog.faults(), ...found])];
  }

  /**
   * The metrics of all processes, summed up, as Prometheus' text format.
   * @param laneLevels what waits in the lanes, asked for where the load process does not answer
   */
  async metricsText(laneLevels: () => Promise<MetricsJson>): Promise<string> {
    const asked = this.#posts().map((post) => this.#metricsOf(post, laneLevels));
    const answers = (await Promise.all(asked)).flat();
    return AggregatorRegistry.aggregate([await this.#metrics.json(), ...answers]).metrics();
  }

  /** One that does not answer keeps its counters; what it said of the lanes' state and levels is out of date. */
  async #metricsOf(post: Post<RoleAnswers>, laneLevels: () => Promise<MetricsJson>): Promise<MetricsJson[]> {
    const answer = await this.#answering(post)
      ?.ask('metrics', undefined, lookTimeout)
      .catch(() => undefined);
    if (answer !== undefined) {
      this.#lastMetrics.set(post, answer);
      return [answer];
    }
    const last = (this.#lastMetrics.get(post) ?? []).filter(({ name }) => !name.startsWith('hookline_lane_'));
    return post === this.#load ? [last, await laneLevels().catch(() => [])] : [last];
  }

  /** The way to ask a process that runs and does not hang. */
  #answering<A extends RoleAnswers>(post: Post<A> | undefined): Channel<A> | undefined {
    return post === undefined || this.#watchdog.isSilent(post) ? undefined : post.channel;
  }

  /** First the senders' side, so that what was accepted can still be loaded, then the load process. */
  async close(): Promise<void> {
    const grace = this.#config.server.grace * 0.45;
    this.retire();
    await Promise.all([this.#reader.close(grace), ...this.#acks.map((ack) => ack.close(grace))]);
    await this.#load?.close(grace);
  }

  /** From now on a child that ends, as by a signal to the whole process group, is not replaced. */
  retire(): void {
    this.#retired = true;
    this.#watchdog.stop();
    for (const post of this.#all()) post.retire();
  }

  /** Ends all children at once. */
  kill(): void {
    for (const post of this.#all()) post.kill();
  }

  #all(): readonly Post<RoleAnswers>[] {
    const { post } = this.#reader;
    return post === undefined ? this.#posts() : [...this.#posts(), post];
  }

  /** Those that are always there. */
  #posts(): readonly Post<RoleAnswers>[] {
    return this.#load === undefined ? this.#acks : [...this.#acks, this.#load];
  }

  #start(role: Start['role']): Start {
    const { file, text } = this.#config;
    const { port } = this;
    return { role, file, text, ...(port === undefined ? {} : { port }) };
  }
}
