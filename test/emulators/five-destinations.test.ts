import { randomInt } from 'node:crypto';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { LmdbSpool } from '../../connectors/lmdb/spool.js';
import { type LaneId, laneId } from '../../core/contract/spool.js';
import { type Ack, compare, flawless, post } from '../support/ack-log.js';
import { githubPayloads } from '../support/github-payloads.js';
import { eventually, Hookline, isAlive, type TestToken } from '../support/hookline.js';
import { Random } from '../support/random.js';
import { type Warehouse, type WarehouseName, warehouses } from '../support/warehouses.js';

const kills = Number(process.env['KILLS'] ?? 20);
const seed = Number(process.env['SEED'] ?? randomInt(2 ** 31));

const names = Object.keys(warehouses) as WarehouseName[];
const table = 'github';
/** Few rows a batch, so that there are many, and about how many milliseconds it takes to write them. */
const writes: Readonly<Record<WarehouseName, { readonly rows: number; readonly take: number }>> = {
  postgres: { rows: 2, take: 20 },
  duckdb: { rows: 2, take: 40 },
  lake: { rows: 4, take: 60 },
  bigquery: { rows: 8, take: 200 },
  snowflake: { rows: 8, take: 200 },
};

/** One server, a pipeline for each kind of destination, and a load process that does not live long. */
describe(`five kinds of destination (SEED=${seed} KILLS=${kills})`, function () {
  this.timeout(600_000);
  const running = new Map<WarehouseName, Warehouse>();
  const lanes = new Map<WarehouseName, { readonly url: string; readonly id: LaneId; readonly acks: Ack[] }>();
  const random = new Random(seed);
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  let server: Hookline;
  let token: TestToken;
  let spool: LmdbSpool;

  before(async function () {
    this.timeout(900_000);
    for (const name of names) running.set(name, await warehouses[name]());
    const destinations = [...running].map(([name, { options }]) => {
      const flush = { rows: writes[name].rows, every: '200ms' };
      return [name, { ...options, flush }] as const;
    });
    const pipelines = names.map((name, index) => [String(index + 1), { destination: name, table }] as const);
    // JSON is YAML.
    server = await Hookline.create(
      `destinations: ${JSON.stringify(Object.fromEntries(destinations))}
pipelines: ${JSON.stringify(Object.fromEntries(pipelines))}
`,
    );
    token = await server.token();
    for (const [id, { destination }] of pipelines) {
      lanes.set(destination, { url: token.urls[id] as string, id: laneId(id, destination), acks: [] });
    }
    await server.start();
    spool = new LmdbSpool({ path: join(server.folder, 'data/spool'), maxSize: 1024 ** 3 }, console);
    await spool.open();
  });

  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.log(server.output.slice(-20_000));
  });

  after(async () => {
    agent.destroy();
    await spool?.close();
    await server?.destroy();
    for (const warehouse of running.values()) await warehouse.destroy();
  });

  it(`hold every payload of GitHub's webhooks once, byte for byte, though the load process is killed ${kills} times`, async () => {
    const payloads = githubPayloads();
    expect(payloads.length).to.be.greaterThan(700);
    const interrupted = new Map(names.map((name) => [name, new Set<string>()]));
    const seen = new Set<string>();
    let pid = 0;
    for (let kill = 0; kill < kills; kill++) {
      pid = await eventually('another load process runs', async () => {
        const { pid: found = pid } = (await server.children()).find(isLoading) ?? {};
        return found === pid ? undefined : found;
      });
      const posted = postToAll(shareOf(payloads, kill));
      await inTheMidst(names[kill % names.length] as WarehouseName, seen, posted);
      process.kill(pid, 'SIGKILL');
      await eventually('it is gone', async () => !isAlive(pid) || undefined);
      for (const [name, { id }] of lanes) {
        const left = await spool.sealed(id);
        if (left === undefined) continue;
        interrupted.get(name)?.add(left.id);
        seen.add(left.id);
      }
      await posted;
    }
    await postToAll(shareOf(payloads, kills));
    await landed();
    expect(await restarts(), 'it never ended by itself').to.equal(kills);
    expect(await server.stop()).to.equal(0);

    for (const [name, { acks }] of lanes) {
      expect(acks, name).to.have.length(payloads.length);
      const rows = (await running.get(name)?.rows(table)) ?? [];
      expect(compare(acks, rows, token.key), name).to.deep.equal({ ...flawless, unacked: 0 });
      expect(interrupted.get(name)?.size, `batches of ${name} that a kill interrupted`).to.be.at.least(
        Math.min(1, Math.floor(kills / names.length)),
      );
    }
  });

  /** What is posted before the kill of that number; the last share after them all. */
  function shareOf(payloads: readonly Buffer[], kill: number): readonly Buffer[] {
    return payloads.filter((_, index) => index % (kills + 1) === kill);
  }

  async function postToAll(bodies: readonly Buffer[]): Promise<void> {
    const posts = bodies.flatMap((body) => [...lanes.values()].map(({ url, acks }) => ({ url, acks, body })));
    await Promise.all(
      posts.map(async ({ url, acks, body }) => {
        const reply = await post(url, body, agent);
        const data = reply?.answer.data;
        if (reply?.status !== 200 || data === undefined) throw new Error(`answered ${JSON.stringify(reply)}`);
        acks.push({ requestId: data.__kdd_request_id, timestamp: data.__kdd_request_unix_timestamp, body });
      }),
    );
  }

  /**
   * Resolves at a random moment while a batch is on its way to a destination: it is sealed before it is
   * written, and settled afterwards. One that an earlier kill has left does not count. Resolves as well when
   * nothing is left in the lane, though all is posted.
   */
  async function inTheMidst(name: WarehouseName, seen: Set<string>, posted: Promise<void>): Promise<void> {
    const { id: lane } = lanes.get(name) as { readonly id: LaneId };
    let passing = random.below(3);
    let pause = random.below(writes[name].take);
    let complete = false;
    const completed = () => {
      complete = true;
    };
    posted.then(completed, completed);
    for (const end = Date.now() + 60_000; Date.now() < end; await sleep(1)) {
      const batch = await spool.sealed(lane);
      if (batch !== undefined && !seen.has(batch.id)) {
        seen.add(batch.id);
        if (passing-- > 0) continue;
        await sleep(pause);
        if ((await spool.sealed(lane))?.id === batch.id) return;
        pause /= 2;
      } else if (complete && (await spool.depth(lane)).records === 0) {
        return;
      }
    }
    throw new Error(`nothing new is on its way to ${name}`);
  }

  async function landed(): Promise<void> {
    await eventually(
      'everything has landed',
      async () => (await server.cli('drain')).code === 0 || undefined,
      120_000,
    );
  }

  async function restarts(): Promise<number> {
    const text = await (await server.admin('/metrics')).text();
    return Number(/^hookline_role_restarts_total\{role="load"\} (\d+)$/m.exec(text)?.[1]);
  }
});

function isLoading({ name }: { readonly name: string }): boolean {
  return name === 'load process';
}
