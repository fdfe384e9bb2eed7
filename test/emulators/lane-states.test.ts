import { expect } from 'chai';
import { project, TestBigquery } from '../support/bigquery.js';
import { rowsOf } from '../support/bigquery-subject.js';
import { Cut, grpcRefusal, json, type Passing } from '../support/fault-proxy.js';
import { eventually, Hookline } from '../support/hookline.js';
import { TestSnowflake } from '../support/snowflake.js';

/** A whole server with one lane to a warehouse, and requests that are numbered. */
class LaneServer {
  readonly server: Hookline;
  #url = '';
  #sent = 0;

  private constructor(server: Hookline) {
    this.server = server;
  }

  static async start(options: object): Promise<LaneServer> {
    const destinations = { cloud: { ...options, flush: { every: '100ms' } } };
    const pipelines = { 1: { destination: 'cloud', table: 'lanes' } };
    const server = await Hookline.create(
      `destinations: ${JSON.stringify(destinations)}\npipelines: ${JSON.stringify(pipelines)}\n`,
    );
    const lane = new LaneServer(server);
    await server.start();
    lane.#url = (await server.token()).urls['1'] as string;
    return lane;
  }

  /** Senders are answered whatever the warehouse does. */
  async post(): Promise<void> {
    const { status } = await this.server.post(this.#url, JSON.stringify({ sent: this.#sent++ }));
    expect(status).to.equal(200);
  }

  async is(state: string, says: string): Promise<void> {
    await eventually(
      `the lane is ${state}: ${says}`,
      async () => {
        const [found] = await this.server.json<{ state: string; lastError?: string }[]>('pipelines');
        return (found?.state === state && found.lastError?.includes(says)) || undefined;
      },
      60_000,
    );
  }

  async drained(): Promise<void> {
    await eventually('it has landed', async () => (await this.server.cli('drain')).code === 0 || undefined);
  }

  /** A halted lane looks again after a minute; a new start at once. */
  async restart(): Promise<void> {
    expect(await this.server.stop()).to.equal(0);
    await this.server.start();
  }

  /** Everything that was sent is there once. */
  expectAll(bodies: readonly Uint8Array[]): void {
    const numbers = bodies.map((body) => JSON.parse(Buffer.from(body).toString()).sent as number);
    expect(numbers.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: this.#sent }, (_, n) => n));
  }
}

describe('the state of a lane says what is wrong with its warehouse', function () {
  this.timeout(240_000);

  it('with BigQuery: overloaded, a lost commit, a quota, a missing right; then all is there once', async function () {
    this.timeout(900_000);
    const bigquery = await TestBigquery.start('goccy');
    await bigquery.renew(['hooks']);
    const lane = await LaneServer.start({
      type: 'bigquery',
      project,
      dataset: 'hooks',
      ...bigquery.endpoints,
      table: { partition: 'none' },
    });
    const isCommit = ({ path }: Passing) => path.endsWith('/BatchCommitWriteStreams');
    try {
      await lane.post();
      await lane.drained();
      bigquery.fault = async (request, next) => (isCommit(request) ? grpcRefusal(14, 'busy') : next());
      await lane.post();
      await lane.is('retrying', 'UNAVAILABLE');
      bigquery.fault = (_, next) => next();
      await lane.drained();

      let lost = 0;
      bigquery.fault = async (request, next) => {
        const answer = await next();
        if (!isCommit(request) || lost++ > 0) return answer;
        throw new Cut();
      };
      await lane.post();
      await lane.drained();
      expect(lost, 'commits').to.be.greaterThan(1);

      const refuse = (reason: string) => {
        bigquery.fault = async (request, next) => {
          if (!request.path.includes('/jobs')) return await next();
          const error = { code: 403, message: 'refused', errors: [{ reason, message: 'refused' }] };
          return json(403, { error });
        };
      };
      refuse('quotaExceeded');
      await lane.post();
      await lane.is('retrying', 'quotaExceeded');
      refuse('accessDenied');
      await lane.is('halted', 'bigquery.jobs.create');
      bigquery.fault = (_, next) => next();
      await lane.restart();
      await lane.drained();
      lane.expectAll((await rowsOf(bigquery, 'hooks', 'lanes')).map(({ body }) => body));
    } finally {
      await lane.server.destroy();
      await bigquery.destroy();
    }
  });

  it('with Snowflake: overloaded, a lost COMMIT, a password that is wrong; then all is there once', async () => {
    const snowflake = await TestSnowflake.start();
    const { faults } = snowflake;
    const lane = await LaneServer.start({ type: 'snowflake', ...snowflake.options });
    try {
      await lane.post();
      await lane.drained();
      faults.next('COPY', { status: 503 }, 1000);
      await lane.post();
      await lane.is('retrying', '503');
      faults.forget();
      await lane.drained();

      faults.next('COMMIT', 'lose the answer');
      await lane.post();
      await lane.drained();
      expect(faults.pending, 'the answer was lost').to.equal(0);

      await lane.server.stop();
      faults.next('/session/v1/login-request', { status: 200, body: refusedLogin }, 1000);
      await lane.server.start();
      await lane.post();
      await lane.is('halted', '390100');
      faults.forget();
      await lane.restart();
      await lane.drained();
      lane.expectAll((await snowflake.rows('LANES')).map(({ body }) => body));
      expect(lane.server.output).to.not.include(snowflake.passphrase);
    } finally {
      await lane.server.destroy();
      await snowflake.destroy();
    }
  });
});

/** As Snowflake answers to a wrong user or password. */
const refusedLogin = {
  success: false,
  code: '390100',
  message: 'Incorrect username or password was specified.',
  data: { authnMethod: 'USERNAME_PASSWORD' },
};
