import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Scoreboard, sized } from '../support/attack.js';
import { clockConfiguration, expectNothingLostByClock } from '../support/clock-attack.js';
import { CrowdOfSockets } from '../support/crowd-of-sockets.js';
import { eventually, type TestToken } from '../support/hookline.js';
import { readDuckDb } from '../support/readers.js';
import { Rig } from '../support/rig.js';
import { smallDisk } from '../support/small-disk.js';

const rounds = sized(1, 3);
const board = new Scoreboard("the server's own limits, under load");
const local = 'local: { type: duckdb, path: ./warehouse.duckdb, flush: { rows: 500, every: 50ms } }';
const configuration = `destinations:\n  ${local}\npipelines:\n  1: { destination: local, table: rows }\n`;
const clock = new URL('../support/shifted-clock.js', import.meta.url);
const slow = fileURLToPath(new URL('../support/slow-plugin.js', import.meta.url));

describe('at its own limits it refuses with 503 and is not ready, never answers a false 200, and gets well by itself', function () {
  this.timeout(180_000);
  let rig: Rig | undefined;

  afterEach(async () => {
    await rig?.destroy();
    rig = undefined;
  });

  after(() => board.print());

  async function start(sections: string, options?: Parameters<typeof Rig.start>[1]): Promise<Rig> {
    rig = await Rig.start(sections, options);
    return rig;
  }

  async function ready(of: Rig): Promise<{ status: number; faults: string }> {
    const response = await of.server.admin('/ready');
    const { faults } = (await response.json()) as { faults: string[] };
    return { status: response.status, faults: faults.join('; ') };
  }

  /** Waits until requests are refused, and holds the refusal against the protocol. */
  async function refuses(of: Rig, why: RegExp, body = '"x"'): Promise<void> {
    await eventually('it refuses', async () => {
      const response = await fetch(of.urlOf('1'), { method: 'POST', body });
      const answer: unknown = await response.json();
      if (response.status === 200) return undefined;
      expect(response.status).to.equal(503);
      expect(Number(response.headers.get('retry-after'))).to.be.at.least(1);
      expect(answer).to.deep.equal({ success: false, error: 'OVERLOADED' });
      return true;
    });
    await eventually('it is not ready', async () => {
      const { status, faults } = await ready(of);
      return (status === 503 && why.test(faults)) || undefined;
    });
  }

  async function isWell(of: Rig): Promise<void> {
    await eventually('it is ready', async () => (await ready(of)).status === 200 || undefined, 60_000);
    const { acked } = of;
    await eventually('it answers 200 again', async () => of.acked > acked + 20 || undefined, 60_000);
  }

  /** The rows that the test's own requests became are not the senders': those were never counted as answers. */
  async function judge(of: Rig, what: string, times: number): Promise<void> {
    await of.finish();
    const rows = await readDuckDb(join(of.server.folder, 'warehouse.duckdb'), 'rows');
    board.add(
      what,
      times,
      of.judge(
        '1',
        rows.filter(({ body }) => Buffer.from(body).toString() !== '"x"'),
      ),
    );
  }

  it(`when the spool is at its maximum, ${rounds} ×`, async () => {
    const of = await start(`plugins: ["${slow}"]
spool: { type: lmdb, path: ./data/spool, maxSize: 4MiB }
destinations:
  slow: { type: slow, file: ./rows, pace: 1s, flush: { rows: 100, every: 50ms } }
pipelines:
  1: { destination: slow, table: rows }
`);
    of.send('1', 2, 2, 1, 'x'.repeat(20_000));
    const fast = join(of.server.folder, 'rows.fast');
    for (let round = 0; round < rounds; round++) {
      await refuses(of, /spool .* is full \(maxSize 4MiB\)/, JSON.stringify('y'.repeat(100_000)));
      await writeFile(fast, '');
      await isWell(of);
      await rm(fast);
    }
    await writeFile(fast, '');
    await of.finish();
    const lines = (await readFile(join(of.server.folder, 'rows'), 'utf8')).split('\n').slice(0, -1);
    const rows = lines.map((line) => {
      const [requestId, timestamp, key, body] = JSON.parse(line) as [string, number, string, string];
      return { requestId, timestamp, key, body: Buffer.from(body, 'base64') };
    });
    expect(of.refused).to.be.greaterThan(0);
    const own = rows.filter(({ body }) => body.toString().startsWith('"y'));
    expect(own).to.deep.equal(own.filter(({ key }) => key === of.token.key));
    board.add(
      'spools at their maximum',
      rounds,
      of.judge(
        '1',
        rows.filter((row) => !own.includes(row)),
      ),
    );
  });

  it(`when its disk is full to the last block, ${rounds} ×`, async function () {
    const disk = await smallDisk(this);
    try {
      const spool = `spool: { type: lmdb, path: ${join(disk.path, 'spool')}, maxSize: 12MiB }\n`;
      const of = await start(spool + configuration);
      of.send('1');
      const filler = join(disk.path, 'filler');
      for (let round = 0; round < rounds; round++) {
        await isWell(of);
        for (let size = 1024 * 1024; size >= 4096; ) {
          await writeFile(filler, Buffer.alloc(size), { flag: 'a' }).catch(() => {
            size /= 2;
          });
        }
        await refuses(of, /disk .* full|takes nothing now/);
        await sleep(500);
        await rm(filler);
        await isWell(of);
      }
      expect(of.refused).to.be.greaterThan(0);
      await judge(of, 'disks full to the last block', rounds);
    } finally {
      await rig?.destroy();
      await disk.destroy();
    }
  });

  it(`when senders take all file handles, ${rounds} ×; the open connections are served on`, async () => {
    const of = await start(configuration, { limits: 'ulimit -n 320' });
    of.send('1');
    for (let round = 0; round < rounds; round++) {
      await isWell(of);
      const crowd = new CrowdOfSockets();
      try {
        // Amid a request, none of them can be made to give way.
        await crowd.open(of.server.webhookPort, 400, 'POST / HTTP/1.1\r\nHost: a\r\nX: ');
        await eventually('newcomers are refused', async () => {
          await crowd.open(of.server.webhookPort, 1);
          return crowd.answers.find((text) => /^HTTP\/1\.1 503 [\s\S]*Retry-After: \d+\r\n/.test(text));
        });
        await eventually('it is not ready', async () => {
          await crowd.open(of.server.webhookPort, 1);
          const { status, faults } = await ready(of);
          return (status === 503 && /limit of file handles.*LimitNOFILE/.test(faults)) || undefined;
        });
        const { acked } = of;
        await eventually('senders are served on', async () => of.acked > acked + 100 || undefined);
      } finally {
        await crowd.close();
      }
      await isWell(of);
    }
    expect(of.refused).to.equal(0);
    await judge(of, 'crowds that took all file handles', rounds);
  });

  it(`when all handles are taken by connections that do nothing: they give way to newcomers`, async () => {
    const of = await start(configuration, { limits: 'ulimit -n 320' });
    const crowd = new CrowdOfSockets();
    try {
      await crowd.open(of.server.webhookPort, 192);
      expect(crowd.present).to.equal(192);
      await sleep(2500);
      of.send('1');
      await isWell(of);
      expect(of.refused).to.equal(0);
      expect(crowd.present).to.be.within(100, 191);
      await judge(of, 'crowds that did nothing', 1);
    } finally {
      await crowd.close();
    }
  });

  describe('when the clock is set (shifted within each of its processes)', () => {
    let shift: string;

    async function startShifted(sections = configuration): Promise<Rig> {
      const of = await Rig.start(sections);
      rig = of;
      await of.server.stop();
      shift = join(of.server.folder, 'shift');
      await writeFile(shift, '0');
      Object.assign(of.server.env, { NODE_OPTIONS: `--import=${clock.href}`, CLOCK_SHIFT: shift });
      await of.server.start();
      return of;
    }

    const set = async (milliseconds: number) => {
      await writeFile(`${shift}.new`, String(milliseconds));
      await rename(`${shift}.new`, shift);
      await sleep(100);
    };

    it('an hour ahead, a day back, a year ahead, and right again: all is answered with the time that it shows, and lands', async () => {
      const of = await startShifted();
      of.send('1');
      await of.lands('1', 'local');
      for (const hours of [1, -24, 365 * 24, 0]) {
        await set(hours * 3_600_000);
        const { answer } = await of.server.post(of.urlOf('1'), '"x"');
        const time = answer.data?.__kdd_request_unix_timestamp ?? 0;
        expect(Math.abs(time - Date.now() / 1000 - hours * 3600), `${hours} h`).to.be.below(5);
        const { acked } = of;
        await eventually('senders are answered', async () => of.acked > acked + 100 || undefined);
        await eventually('what waits lands', async () => {
          const { state, records } = await of.lane('1', 'local');
          return (state === 'running' && records < 500) || undefined;
        });
        expect((await ready(of)).status).to.equal(200);
      }
      expect(of.refused).to.equal(0);
      await judge(of, 'clocks set back and forth', 4);
    });

    it('a year ahead and right again: no request is discarded by an expiry date, and what is kept stays', async () => {
      await expectNothingLostByClock((await startShifted(clockConfiguration)).server, set);
    });

    it('a day back: a token that is deactivated is of no use five seconds later, none the less', async () => {
      const of = await startShifted();
      const other = await of.server.json<TestToken>('tokens', 'create', '--description', 'other');
      const post = async () => (await of.server.post(other.urls['1'] as string, '"x"')).status;
      expect(await post()).to.equal(200);
      await of.server.cli('drain');
      await set(-24 * 3_600_000);
      await of.server.cli('tokens', 'deactivate', other.key);
      await sleep(5000);
      expect(await post()).to.equal(200);
      const [discard] = await eventually('it is discarded', async () => {
        const found = await of.server.json<{ key: string; reason: string }[]>('discards', 'list');
        return found.length > 0 ? found : undefined;
      });
      expect(discard).to.include({ key: other.key, reason: 'deactivated token' });
    });
  });
});
