import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { expect } from 'chai';
import { Scoreboard, seed, sized } from '../support/attack.js';
import { Hookline } from '../support/hookline.js';
import { Random } from '../support/random.js';
import { shownBytes } from './wire.js';

const requests = sized(1500, 15_000);
const atOnce = 16;

/** The admin API lives in the supervisor: what ends it ends everything. */
describe(`whatever is sent to the admin API (SEED=${seed})`, function () {
  this.timeout(sized(60_000, 200_000));
  const board = new Scoreboard('the admin API');
  let server: Hookline;
  let bearer: string;

  before(async () => {
    server = await Hookline.create(`destinations:
  out: { type: memory }
  local: { type: duckdb, path: ./warehouse.duckdb }
pipelines:
  1: { destination: [out, local], table: rows }
`);
    await server.start();
    bearer = `Authorization: Bearer ${readFileSync(server.adminTokenFile, 'utf8').trim()}`;
  });
  after(async () => {
    await server?.destroy();
    board.print();
  });

  it('is answered without a stack or a path, and ends no process', async () => {
    const before = [server.pid, ...(await server.children())];
    let begun = 0;
    let good = 0;
    const one = async () => {
      while (begun < requests) {
        const random = new Random(seed + begun++);
        const bytes = random.chance(0.1)
          ? noise(random)
          : random.chance(0.5)
            ? mutated(random, bearer)
            : odd(random, bearer);
        const answer = await exchange(server.adminPort, bytes);
        const shown = `SEED=${seed}: ${shownBytes([bytes])} was answered ${answer.slice(0, 2000)}`;
        if (answer === '') continue;
        expect(answer, shown).to.match(/^HTTP\/1\.1 [1-5]\d\d /);
        // What a warehouse refuses is told as it tells it: 502. None is ours.
        expect(answer, shown).not.to.match(/^HTTP\/1\.1 5(?!02|03)/m);
        expect(answer, shown).not.to.match(/\n\s+at |node_modules|\/dist\/|file:\/\//);
        if (answer.startsWith('HTTP/1.1 200')) good++;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, one));
    // The read process is started by the first query.
    expect([server.pid, ...(await server.children())], 'a process ended').to.include.deep.members(before);
    expect((await server.admin('/ready')).status).to.equal(200);
    expect(good).to.be.greaterThan(requests / 40);
    expect(server.output).not.to.match(/TypeError|ReferenceError|RangeError/);
    board.add('requests of every kind, mutated, and noise', requests);
  });
});

const bodies = [
  '',
  '{}',
  '[]',
  'null',
  '"x"',
  '{"destination":"out","tables":["rows"]}',
  '{"destination":"out","tables":[{}]}',
  '{"destination":"out","tables":[{"toString":1,"valueOf":1}]}',
  '{"destination":"__proto__","tables":[]}',
  '{"destination":{"length":1},"tables":{"length":1e9}}',
  '{"destination":"local","sql":"SELECT 1"}',
  '{"destination":"local","sql":"SELECT 1","limit":"1e9"}',
  '{"destination":"local","sql":"SELECT \'","limit":-1}',
  '{"destination":"local","sql":"\\u0000"}',
  '{"destination":"constructor","sql":"SELECT 1"}',
  '{"__proto__":{"sql":"x"},"constructor":{"prototype":1}}',
  `{"destination":"out","tables":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
  `"${'x'.repeat(1_200_000)}"`,
];

/** @param bearer the header of who may ask */
function odd(random: Random, bearer: string): Buffer {
  const body = random.of(bodies);
  const target = random.of([
    '/live',
    '/ready',
    '/metrics',
    '/api/instance',
    '/api/pipelines',
    '/api/pipelines/1/rows',
    '/api/pipelines/1/rows?limit=0',
    '/api/pipelines/1/rows?limit=1&limit=2&destination[]=x',
    '/api/pipelines/1/rows?destination=local&limit=9',
    '/api/pipelines/%2e%2e/rows',
    '/api/pipelines/%ff/rows',
    '/api/pipelines/constructor/rows',
    '/api/check',
    '/api/query',
    '/api/query',
    '/../../etc/passwd',
    '//',
    '/?a[__proto__][b]=1',
    `/${'a/'.repeat(3000)}`,
  ]);
  const fields = [
    `Host: ${random.chance(0.95) ? '127.0.0.1' : random.of(['evil.example', '', 'localhost:1', '[::1]', 'a,b'])}`,
    `Content-Type: ${random.of(['application/json', 'application/json', 'application/json; charset=utf-7', 'text/plain', ';;'])}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...(random.chance(0.9) ? [bearer] : []),
    ...(random.chance(0.2)
      ? [
          random.of([
            'Content-Encoding: gzip',
            'Content-Encoding: zip',
            'Origin: null',
            'Authorization: Bearer x',
            'Authorization: Bearer',
            'Expect: 100-continue',
            'If-None-Match: *',
            'Range: bytes=0-',
          ]),
        ]
      : []),
  ];
  const method = random.of([
    'GET',
    'GET',
    'GET',
    'POST',
    'POST',
    'HEAD',
    'DELETE',
    'OPTIONS',
    'CONNECT',
    'PUT',
  ]);
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n${body}`, 'latin1');
}

function mutated(random: Random, bearer: string): Buffer {
  let bytes = odd(random, bearer);
  for (let n = 1 + random.below(3); n > 0; n--) {
    const at = random.below(Math.min(bytes.length, 400));
    const piece = Buffer.from(Array.from({ length: random.below(5) }, () => random.below(256)));
    bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + random.below(4))]);
  }
  return bytes;
}

function noise(random: Random): Buffer {
  return Buffer.from(Array.from({ length: 1 + random.below(2000) }, () => random.below(256)));
}

/** All that comes until the connection ends, or until nothing does for a while. */
function exchange(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(300, () => socket.destroy());
    socket.setEncoding('latin1').on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', () => undefined).on('close', () => resolve(answer));
  });
}
