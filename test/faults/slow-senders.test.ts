import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Scoreboard, sized } from '../support/attack.js';
import { Rig } from '../support/rig.js';
import { slowdown } from '../support/slowdown.js';

const senders = sized(300, 900);
const rounds = sized(3, 5);
const length = sized(1000, 2000);
/** The aim is 0.9, on a machine at rest. The short run, beside others, only shows that nothing stands still. */
const least = sized(0, 0.5);

const program = fileURLToPath(new URL('../support/slow-senders.js', import.meta.url));
const board = new Scoreboard('slow senders');

const configuration = `destinations:
  local: { type: duckdb, path: ./warehouse.duckdb }
pipelines:
  1: { destination: local, table: rows, paused: true }
`;

describe('slow senders', function () {
  this.timeout(400_000);
  let rig: Rig;
  let attackers: ChildProcess;

  before(async () => {
    rig = await Rig.start(configuration);
    const { pathname, search } = new URL(rig.urlOf('1'));
    const target = pathname + search;
    attackers = spawn(process.execPath, [program, String(senders), target]);
  });

  after(async () => {
    attackers?.stdin?.end();
    await rig?.destroy();
  });

  it(`${senders} of them, in headers, bodies and unread answers, hold up no honest one`, async () => {
    const tell = async (what: string) => {
      attackers.stdin?.write(`${what}\n`);
      await sleep(700);
    };
    const { without, under, ratio, unanswered } = await slowdown(rig.urlOf('1'), rounds, length, {
      begin: (port) => tell(`on ${port}`),
      end: () => tell('off'),
    });
    console.log(
      `      ${rounds} rounds in turn: ${without} answers with a decoy under attack, ${under} with the server, ratio ${ratio.toFixed(2)}`,
    );
    expect(unanswered).to.equal(0);
    expect(ratio).to.be.greaterThan(least);
    expect((await rig.server.admin('/ready')).status).to.equal(200);
    board.add('connections of slow senders', senders * rounds);
    board.print();
  });
});
