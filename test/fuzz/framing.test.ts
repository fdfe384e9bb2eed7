import { expect } from 'chai';
import { Hookline } from '../support/hookline.js';
import { body, type Oddity, oddities, smuggled } from './oddities.js';
import { exchange, shownBytes } from './wire.js';

/** RFC 9112's rules for where a message ends: refused, or read in the one way that it allows. */
describe('requests smuggled and oddly framed', function () {
  this.timeout(60_000);
  let server: Hookline;
  let target: string;
  let answered = 0;

  before(async () => {
    server = await Hookline.create(`destinations:
  out: { type: memory }
pipelines:
  1: { destination: out, table: rows }
`);
    const { key, token } = await server.token();
    target = `/?pipeline_id=1&key=${key}&token=${token}`;
    await server.start();
  });
  after(() => server?.destroy());

  const good = (field = '') =>
    `POST ${target} HTTP/1.1\r\nHost: a\r\n${field}Content-Length: ${body.length}\r\n\r\n${body}`;

  /** The statuses that come back, and whether the connection was closed by the server. */
  async function send(
    bytes: string,
    cuts: readonly number[],
  ): Promise<{ statuses: number[]; closed: boolean }> {
    const stream = Buffer.from(bytes, 'latin1');
    const edges = [0, ...cuts.filter((cut) => cut < stream.length), stream.length];
    const pieces = edges.slice(1).map((end, at) => stream.subarray(edges[at], end));
    const { answers, rest, closed } = await exchange(server.webhookPort, pieces, { patience: 1500 });
    const sent = () => shownBytes(pieces);
    expect(rest, sent()).to.equal('');
    for (const { status, headers, body: text } of answers) {
      expect(headers.get('content-type'), sent()).to.equal('application/json');
      if (status === 200) answered++;
      if (status === 400) expect(text, sent()).to.match(/MALFORMED_REQUEST|INVALID_PARAMETER: body/);
    }
    return { statuses: answers.map(({ status }) => status), closed };
  }

  for (const [at, { section, what, outcome }] of oddities('').entries()) {
    it(`${section}: ${what}: ${typeof outcome === 'number' ? `answered ${outcome}` : outcome}`, async () => {
      const odd = oddities(target)[at]?.bytes ?? '';
      const next = good('Connection: close\r\n');
      for (const [before, first] of [
        ['', []],
        // A plain one before it, and one that makes the connection `node:http`'s.
        [good(), [200]],
        [good('TE: trailers\r\n'), [200]],
      ] as const) {
        const stream = before + odd + next;
        // In one piece, and cut in the middle of the odd one.
        for (const cuts of [[], [before.length + 10, before.length + odd.length - 4]]) {
          const { statuses, closed } = await send(stream, cuts);
          const got = `${statuses} for ${shownBytes([Buffer.from(stream, 'latin1')])}`;
          expect(closed, `not closed: ${got}`).to.equal(true);
          expect(statuses.slice(0, first.length), got).to.deep.equal(first);
          expect(allowed(outcome), got).to.deep.include(statuses.slice(first.length));
        }
      }
    });
  }

  it('and not one of them lands that was not a request of its own', async () => {
    expect(answered).to.be.greaterThan(oddities('').length);
    expect((await server.cli('drain')).code).to.equal(0);
    const rows = (await (await server.admin('/api/pipelines/1/rows?limit=10000')).json()) as {
      readonly __kdd_request_body: string;
    }[];
    expect(rows).to.have.length(answered);
    expect(rows.filter(({ __kdd_request_body }) => __kdd_request_body !== body)).to.deep.equal([]);
    expect(smuggled).not.to.equal(body);
  });
});

/** What may be answered: the odd one, and the good one behind it. */
function allowed(outcome: Oddity['outcome']): number[][] {
  if (outcome === 'refused') return [[400]];
  if (outcome === 'read') return [[200, 200]];
  if (outcome === 'either') return [[400], [200, 200]];
  // What follows a close is not read; some tell that it was one too many.
  if (outcome === 'last') return [[200]];
  return [[outcome, 200], [outcome]];
}
