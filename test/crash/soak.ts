import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { findGenerator } from '../bench/load.js';
import type { FoundRow } from '../support/ack-log.js';
import { seed } from '../support/attack.js';
import { Hookline, isAlive } from '../support/hookline.js';
import { startPostgres } from '../support/postgres.js';
import { Program } from '../support/program.js';
import { Random } from '../support/random.js';
import type { Orders } from '../support/sender.js';
import { arrivalColumn, arrivedInPostgres } from './arrivals.js';
import { finishedLogs, Judge, type Known, notesOf } from './judge.js';
import { Vitals } from './vitals.js';

/** Hours at half of full speed with a kill every minute: what grows, and what is lost? Ends with 1 where anything is. */
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '60' }, rate: { type: 'string' } },
});
const minutes = Number(values.minutes);
const random = new Random(seed);
const print = (text: string) => process.stdout.write(`${text}\n`);

const folder = await mkdtemp(join(tmpdir(), 'hookline-soak-'));
const postgres = await startPostgres();
const database = await postgres.createDatabase();
await postgres.sql(
  database,
  `CREATE SEQUENCE arrivals; CREATE TABLE rows (
     __kdd_request_id text NOT NULL, __kdd_request_unix_timestamp double precision NOT NULL,
     __kdd_requester_key text NOT NULL, __kdd_request_body text NOT NULL, ${arrivalColumn});
   CREATE INDEX ON rows (arrived)`,
);
const server = await Hookline.create(
  `spool: { type: lmdb, path: ./spool, maxSize: 4GiB }
destinations:
  warehouse: { type: postgres, url: "\${DATABASE_URL}" }
pipelines:
  1: { destination: warehouse, table: rows }
`,
  { env: { DATABASE_URL: database } },
);
const client = new pg.Client({ connectionString: database });
await client.connect();
await server.start();
const { key, urls } = await server.token();
const url = urls['1'] as string;

const rate = values.rate === undefined ? Math.floor((await fullSpeed()) / 2) : Number(values.rate);
print(`${rate} requests/s for ${minutes} minutes, a kill each minute, SEED=${seed}`);

const known: Known[] = ['one', 'two'].map((name, at) => ({
  name,
  seed: seed + at,
  poison: 0,
  key,
  welcome: true,
}));
const judge = new Judge(known);
const senders = known.map((sender) => {
  const connections = 96;
  const orders: Orders = {
    ...sender,
    url,
    folder,
    connections,
    rate: rate / 2,
    chunked: false,
    notes: 20_000,
  };
  return new Program('sender', [JSON.stringify(orders)]);
});
const vitals = new Vitals();
/** Rows whose notes are in a log that is not finished yet. */
let early: FoundRow[] = [];
let landed = 0;
const kills = new Map<string, number>();
const begun = Date.now();
let sampleAt = begun + 10_000;
let killAt = begun + 60_000;

while (Date.now() < begun + minutes * 60_000) {
  await compare();
  if (Date.now() >= sampleAt) {
    sampleAt += 10_000;
    vitals.sample(await processes(), join(server.folder, 'spool'));
  }
  if (Date.now() >= killAt) {
    killAt += 60_000;
    await kill();
  }
  await sleep(1000);
}

const elapsed = (Date.now() - begun) / 1000;
for (const { pid } of senders) process.kill(pid, 'SIGTERM');
for (const sender of senders) await sender.done();
const drained = await server.cli('drain');
await compare();
for (const row of early) judge.found(row);
const verdict = judge.verdict();
const { text, flat } = vitals.table();
print(`\n${text}\n`);
print(
  `acked ${judge.acks.toLocaleString('en')} (${Math.round(judge.acks / elapsed)}/s), landed ${landed.toLocaleString('en')}`,
);
print(`killed: ${[...kills].map(([name, times]) => `${name} ${times}`).join(', ') || 'nobody'}`);
print(
  Object.entries(verdict)
    .map(([what, count]) => `${what} ${count}`)
    .join(', '),
);
const faulty = Object.values(verdict).some((count) => count > 0) || drained.code !== 0;
await client.end();
await server.destroy();
await postgres.destroy();
await rm(folder, { recursive: true, force: true });
process.exit(faulty || !flat ? 1 : 0);

/** Rows a second that are acked and landed, over half a minute. */
async function fullSpeed(): Promise<number> {
  const { load } = await findGenerator();
  const seconds = 30;
  const began = Date.now();
  const { rate: acked } = await load(url, 64, seconds);
  await server.cli('drain');
  const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM rows');
  const sustained = Number(rows[0]?.count) / ((Date.now() - began) / 1000);
  await client.query('TRUNCATE rows');
  print(`full speed: ${Math.round(acked)} acked/s, ${Math.round(sustained)} acked and landed/s`);
  return sustained;
}

/** Holds what has landed against what the senders were told; what agrees is removed from both. */
async function compare(): Promise<void> {
  for (const { sender, file } of finishedLogs(folder)) {
    for await (const note of notesOf(file)) judge.told(sender, note);
    await rm(file);
  }
  const waiting = early;
  early = [];
  const look = (row: FoundRow) => (judge.knows(row) ? judge.found(row) : early.push(row));
  for (const row of waiting) look(row);
  const { rows } = await client.query<{ last: string | null }>('SELECT max(arrived) AS last FROM rows');
  const last = rows[0]?.last;
  if (last != null) {
    for await (const row of arrivedInPostgres(database, 'rows', last)) {
      landed++;
      look(row);
    }
    await client.query('DELETE FROM rows WHERE arrived <= $1', [last]);
    await client.query('VACUUM rows');
  }
  judge.forget();
}

async function processes() {
  const children = await server.children().catch(() => []);
  return [...children, ...(server.pid === undefined ? [] : [{ name: 'supervisor', pid: server.pid }])];
}

async function kill(): Promise<void> {
  const role = random.of(['ack worker 1', 'load process', 'supervisor', 'everything'] as const);
  kills.set(role, (kills.get(role) ?? 0) + 1);
  const child = (await processes()).find(({ name }) => name === role);
  if (role === 'everything') await server.killAll();
  else if (role === 'supervisor') await server.stop('SIGKILL');
  else if (child !== undefined && isAlive(child.pid)) process.kill(child.pid, 'SIGKILL');
  if (server.pid === undefined) await server.start();
}
