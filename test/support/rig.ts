import { expect } from 'chai';
import type { LaneOverview } from '../../server/overview.js';
import { compare, type FoundRow, flawless, Sender } from './ack-log.js';
import { eventually, Hookline, type TestToken } from './hookline.js';

export interface Judgement {
  readonly rows: number;
  readonly lost: number;
  readonly doubled: number;
}

/** A whole server, senders that post to its pipelines all the time, and the judge of what became of it. */
export class Rig {
  readonly server: Hookline;
  readonly token: TestToken;
  readonly #senders = new Map<string, Sender[]>();

  private constructor(server: Hookline, token: TestToken) {
    this.server = server;
    this.token = token;
  }

  /** @param options of `Hookline.create`, as is `sections` */
  static async start(sections: string, options?: Parameters<typeof Hookline.create>[1]): Promise<Rig> {
    const server = await Hookline.create(sections, options);
    try {
      const token = await server.token();
      await server.start();
      return new Rig(server, token);
    } catch (error) {
      await server.destroy();
      throw error;
    }
  }

  urlOf(pipeline: string): string {
    return this.token.urls[pipeline] as string;
  }

  /** Several senders, each with several connections; 5 ms between two requests of one connection. */
  send(pipeline: string, senders = 2, connections = 2, pause = 5, text?: string): void {
    const url = this.urlOf(pipeline);
    const more = Array.from({ length: senders }, () => new Sender(url, connections, pause, text));
    this.#senders.set(pipeline, [...(this.#senders.get(pipeline) ?? []), ...more]);
  }

  async lane(pipeline: string, destination: string): Promise<LaneOverview> {
    const response = await this.server.admin('/api/pipelines');
    const lanes = (await response.json()) as LaneOverview[];
    const found = lanes.find((lane) => lane.pipeline === pipeline && lane.destination === destination);
    if (found === undefined) throw new Error(`there is no lane ${pipeline} to ${destination}`);
    return found;
  }

  /** Waits until a lane is in the state, and its text says all that. */
  async is(
    [pipeline, destination]: readonly [string, string],
    state: LaneOverview['state'],
    says: readonly RegExp[] = [],
    timeout = 90_000,
  ): Promise<void> {
    let last: LaneOverview | undefined;
    await eventually(
      `the lane of ${pipeline} to ${destination} is ${state}`,
      async () => {
        last = await this.lane(pipeline, destination);
        const text = last.lastError ?? '';
        return (last.state === state && says.every((part) => part.test(text))) || undefined;
      },
      timeout,
    ).catch((error: Error) => {
      throw new Error(`${error.message}: expected ${says.join(', ')}, it is ${JSON.stringify(last)}`, {
        cause: error,
      });
    });
  }

  /** Waits until a batch has landed that was not there when this was called. */
  async lands(pipeline: string, destination: string): Promise<void> {
    const before = (await this.lane(pipeline, destination)).lastLanded ?? '';
    await eventually(`the lane of ${pipeline} to ${destination} lands on`, async () => {
      const { state, lastLanded = '' } = await this.lane(pipeline, destination);
      expect(state).to.equal('running');
      return lastLanded > before || undefined;
    });
  }

  /** How many requests were answered 200 so far. */
  get acked(): number {
    return this.#all.reduce((sum, { acks }) => sum + acks.length, 0);
  }

  /** How many were answered otherwise, or not at all. */
  get refused(): number {
    return this.#all.reduce((sum, { unanswered }) => sum + unanswered, 0);
  }

  /** Ends the senders, waits until everything has landed, and stops the server. */
  async finish(): Promise<void> {
    await Promise.all(this.#all.map((sender) => sender.stop()));
    await eventually(
      'everything has landed',
      async () => (await this.server.cli('drain')).code === 0 || undefined,
      120_000,
    );
    expect(await this.server.json<unknown[]>('dead', 'list'), 'dead letters').to.deep.equal([]);
    expect(await this.server.json<unknown[]>('discards', 'list'), 'discards').to.deep.equal([]);
    expect(await this.server.stop()).to.equal(0);
  }

  /**
   * Holds rows against what the senders of a pipeline were told. Of what was not answered 200 any may have landed.
   */
  judge(pipeline: string, rows: readonly FoundRow[]): Judgement {
    const senders = this.#senders.get(pipeline) ?? [];
    const acks = senders.flatMap((sender) => sender.acks);
    const { unacked, ...verdict } = compare(acks, rows, this.token.key);
    expect(acks.length, `acks of pipeline ${pipeline}`).to.be.greaterThan(0);
    expect(verdict, `pipeline ${pipeline}`).to.deep.equal(flawless);
    expect(unacked).to.be.at.most(senders.reduce((sum, { unanswered }) => sum + unanswered, 0));
    return { ...verdict, rows: rows.length };
  }

  async destroy(): Promise<void> {
    for (const sender of this.#all) void sender.stop();
    await this.server.destroy();
  }

  get #all(): Sender[] {
    return [...this.#senders.values()].flat();
  }
}
