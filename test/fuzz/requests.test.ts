import { join } from 'node:path';
import { expect } from 'chai';
import { type FoundRow } from '../support/ack-log.js';
import { Scoreboard, seed, sized } from '../support/attack.js';
import { eventually, Hookline, type TestToken } from '../support/hookline.js';
import { memoryOf, openHandles } from '../support/process-usage.js';
import { Random } from '../support/random.js';
import { readDuckDb } from '../support/readers.js';
import { Grammar } from './grammar.js';
import { expected, type Known, type Message } from './oracle.js';
import { exchange, fragmented, shownBytes, type WireAnswer } from './wire.js';

const connections = sized(2500, 40_000);
const atOnce = 32;
const maxBody = 65_536;

/** Every pair of status and code that the protocol knows. */
const codes: Readonly<Record<number, RegExp>> = {
  400: /^(NO_PARAMETERS_PROVIDED|NO_BODY_PROVIDED|MALFORMED_REQUEST|MISSING_PARAMETER: (pipeline_id|key|token)|INVALID_PARAMETER: (pipeline_id|key|token|body))$/,
  405: /^METHOD_NOT_ALLOWED$/,
  408: /^REQUEST_TIMEOUT$/,
  413: /^BODY_TOO_LARGE$/,
  415: /^UNSUPPORTED_ENCODING$/,
  431: /^HEADERS_TOO_LARGE$/,
};

/** Requests of every kind against a running server: each gets an answer of the protocol, or a closed connection. */
describe(`whatever is sent (SEED=${seed})`, function () {
  this.timeout(sized(60_000, 400_000));
  const board = new Scoreboard('bad input');
  const acked = new Map<string, Buffer | undefined>();
  /** Requests whose answers nobody waited for: each may have been accepted. */
  let unknown = 0;
  let server: Hookline;
  let token: TestToken;
  let known: Known;

  before(async () => {
    server = await Hookline.create(
      `destinations:
  local: { type: duckdb, path: ./warehouse.duckdb, flush: { every: 50ms } }
pipelines:
  1: { destination: local, table: rows }
  9007199254740991: { destination: local, table: rows }
`,
      { webhooks: ', maxBody: 64KiB, workers: 2, headerTimeout: 2s, bodyTimeout: 2s' },
    );
    token = await server.token();
    known = { pipelines: ['1', '9007199254740991'], key: token.key, token: token.token, maxBody };
    await server.start();
  });
  after(async () => {
    await server?.destroy();
    board.print();
  });

  it('is answered as the protocol says, does no harm, and lands exactly what was acked', async () => {
    const before = await server.children();
    let handles = 0;
    let settled = 0;
    const size = () =>
      before.filter(({ name }) => name.startsWith('ack')).map(({ pid }) => memoryOf(pid).resident);
    for (const [round, share] of [0.2, 0.4, 0.4].entries()) {
      await fuzz(seed + round * 1_000_000, Math.ceil(connections * share));
      await calm();
      if (round === 0) handles = handlesOf(before);
      if (round === 1) settled = Math.max(...size());
    }
    expect(await server.children(), 'a role died').to.deep.equal(before);
    expect(Math.max(...size()), 'memory in MiB, and what it was before').to.be.at.most(settled * 1.15 + 20);
    expect(handlesOf(before), 'open handles').to.be.at.most(handles + 8);

    expect((await server.cli('drain')).code).to.equal(0);
    expect(await server.stop()).to.equal(0);
    const rows = await readDuckDb(join(server.folder, 'warehouse.duckdb'), 'rows');
    const { unacked, ...verdict } = judge(rows);
    expect(server.output).not.to.include(token.token);
    board.add('connections with requests of a grammar, mutated, or noise', connections, verdict);
    expect(verdict).to.deep.equal({ lost: 0, doubled: 0, altered: 0 });
    expect(unacked).to.be.at.most(unknown);
    expect(rows.length).to.be.greaterThan(connections / 10);
  });

  /** Each connection draws for itself: whichever comes first, the same seed gives the same requests. */
  async function fuzz(first: number, count: number): Promise<void> {
    let begun = 0;
    const one = async () => {
      while (begun < count) {
        const random = new Random(first + begun++);
        const grammar = new Grammar(random, known);
        const kind = random.below(10);
        if (kind < 5) await wellFormed(grammar, random);
        else if (kind < 9) await malformed(grammar, random);
        else await harmless([grammar.noise()], random);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, one));
  }

  /** One to three requests in a row on a connection, some of whose senders then close their side: each has one right answer. */
  async function wellFormed(grammar: Grammar, random: Random): Promise<void> {
    const messages = Array.from({ length: 1 + random.below(3) }, () => grammar.message());
    const half = random.chance(0.3);
    const closes = !half || random.chance(0.5);
    const stream = Buffer.concat(
      messages.map((one, at) => grammar.serialize(one, closes && at === messages.length - 1)),
    );
    const pieces = fragmented(stream, random);
    const { answers, rest, closed } = await exchange(server.webhookPort, pieces, { half });
    const sent = () => `SEED=${seed}: ${shownBytes(pieces)}${half ? ' and the end' : ''}`;
    board.add('requests of the grammar, against an oracle', messages.length);
    if (half) board.add('senders that closed their side', 1);
    board.add('bytes sent', stream.length);
    expect(rest, sent()).to.equal('');
    expect(closed, `not closed, ${sent()}`).to.equal(true);
    for (const [at, message] of messages.entries()) {
      const answer = answers[at];
      // An answer to a body that was not read ends the connection.
      if (answer === undefined && at > 0 && answers[at - 1]?.headers.get('connection') === 'close') return;
      if (answer === undefined) expect.fail(`no answer ${at + 1}: ${sent()}`);
      check(answer, message, sent);
    }
  }

  function check(answer: WireAnswer, message: Message, sent: () => string): void {
    const right = expected(message, known);
    expect(answer.status, `${answer.body} ${sent()}`).to.equal(right.status);
    legal(answer, sent);
    if ('error' in right) expect(JSON.parse(answer.body).error, sent()).to.equal(right.error);
    else note(answer, right.landed);
  }

  async function malformed(grammar: Grammar, random: Random): Promise<void> {
    const stream = Buffer.concat([
      grammar.mutated(grammar.serialize(grammar.message(), random.chance(0.5))),
      ...(random.chance(0.5) ? [grammar.serialize(grammar.message(), true)] : []),
    ]);
    await harmless(fragmented(stream, random), random);
  }

  /** What it is, nobody knows; what it may be answered is known. */
  async function harmless(pieces: Buffer[], random: Random): Promise<void> {
    const leave = random.chance(0.2) ? random.below(pieces.length + 1) : undefined;
    const sent = () => `SEED=${seed}: ${shownBytes(pieces)}`;
    board.add('broken streams', 1);
    board.add(
      'bytes sent',
      pieces.reduce((sum, { length }) => sum + length, 0),
    );
    const { answers, closed } = await exchange(server.webhookPort, pieces, {
      patience: 200,
      half: random.chance(0.2),
      ...(leave !== undefined && { leave }),
    });
    if (!closed) unknown += 2;
    for (const answer of answers) {
      legal(answer, sent);
      if (answer.status === 200) note(answer, undefined);
    }
  }

  /** The exact shape of an answer, which tells nothing that it should not. */
  function legal({ status, headers, body }: WireAnswer, sent: () => string): void {
    expect(headers.get('content-type'), sent()).to.equal('application/json');
    if (status === 200) {
      expect(body, sent()).to.match(
        /^\{"success": true, "data": \{"__kdd_request_id": "[a-z]{20}", "__kdd_request_unix_timestamp": \d+\.\d+\}\}$/,
      );
      return;
    }
    const error = /^\{"success": false, "error": "([^"]+)"\}$/.exec(body)?.[1];
    expect(error, `${status} ${body}: ${sent()}`).to.match(codes[status] ?? /^never$/);
    if (status === 405) expect(headers.get('allow'), sent()).to.equal('POST');
  }

  function note({ body }: WireAnswer, landed: Buffer | undefined): void {
    const id = JSON.parse(body).data.__kdd_request_id as string;
    expect(acked.has(id), 'an id twice').to.equal(false);
    acked.set(id, landed);
  }

  /** A row was acked; what was acked with a good token is a row. Of a broken stream that is not known. */
  function judge(rows: readonly FoundRow[]) {
    const found = new Map(rows.map((row) => [row.requestId, row]));
    let [lost, altered] = [0, 0];
    for (const [id, body] of acked) {
      const row = found.get(id);
      if (body === undefined) continue;
      if (row === undefined) lost++;
      else if (!body.equals(row.body)) altered++;
    }
    const unacked = rows.filter(({ requestId }) => !acked.has(requestId)).length;
    return { lost, doubled: rows.length - found.size, unacked, altered };
  }

  /** Until the server has closed what senders left open. */
  async function calm(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 3500));
    await eventually('the server is well', async () => (await server.admin('/ready')).ok || undefined);
  }
});

function handlesOf(processes: readonly { readonly pid: number }[]): number {
  return processes.reduce((sum, { pid }) => sum + openHandles(pid), 0);
}
