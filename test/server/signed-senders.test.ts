import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { sign as octokitSign } from '@octokit/webhooks-methods';
import { expect } from 'chai';
import { Webhook } from 'standardwebhooks';
import type { ChartRow } from '../../core/contract/chart.js';
import { githubPayloads } from '../support/github-payloads.js';
import { type Answer, eventually, Hookline } from '../support/hookline.js';

const secrets = {
  standard: `whsec_${Buffer.from('a key of twenty-four byte').toString('base64')}`,
  github: 'github-s3cret',
  old: 'github-0ld',
  stripe: 'whsec_stripe-s3cret',
  shopify: 'shopify-s3cret',
  slack: 'slack-s3cret',
  meta: 'meta-s3cret',
  verify: 'meatyhamhock',
  acme: 'acme-s3cret',
} as const;

type Headers = Readonly<Record<string, string>>;

/** Each vendor's recipe, written out here once more as its page has it: none of it is the server's own code. */
const seconds = (offset = 0) => String(Math.floor(Date.now() / 1000) + offset);
const mac = (secret: string | Buffer, ...parts: readonly (string | Buffer)[]) => {
  const hmac = createHmac('sha256', secret);
  for (const part of parts) hmac.update(part);
  return hmac;
};
const by = {
  // standardwebhooks signs texts only: of a packed body it would sign another.
  standard: (body: Buffer, offset = 0): Headers => {
    const time = seconds(offset);
    const key = Buffer.from(secrets.standard.slice('whsec_'.length), 'base64');
    return {
      'webhook-id': 'msg_1',
      'webhook-timestamp': time,
      'webhook-signature': `v1,${'0'.repeat(43)}= v1,${mac(key, `msg_1.${time}.`, body).digest('base64')} v1a,x`,
    };
  },
  github: (body: Buffer, secret: string = secrets.github): Headers => ({
    'X-Hub-Signature-256': `sha256=${mac(secret, body).digest('hex')}`,
  }),
  stripe: (body: Buffer, offset = 0): Headers => {
    const time = seconds(offset);
    return {
      'Stripe-Signature': `t=${time},v1=${'0'.repeat(64)},v1=${mac(secrets.stripe, `${time}.`, body).digest('hex')},v0=x`,
    };
  },
  shopify: (body: Buffer): Headers => ({
    'X-Shopify-Hmac-Sha256': mac(secrets.shopify, body).digest('base64'),
  }),
  slack: (body: Buffer, offset = 0): Headers => {
    const time = seconds(offset);
    return {
      'X-Slack-Request-Timestamp': time,
      'X-Slack-Signature': `v0=${mac(secrets.slack, `v0:${time}:`, body).digest('hex')}`,
    };
  },
  meta: (body: Buffer): Headers => ({
    'X-Hub-Signature-256': `sha256=${mac(secrets.meta, body).digest('hex')}`,
  }),
  acme: (body: Buffer, offset = 0): Headers => {
    const time = seconds(offset);
    return {
      'X-Acme-Time': time,
      'X-Acme-Signature': `v1=${mac(secrets.acme, `${time}|`, body).digest('base64')}`,
    };
  },
} as const;

const pipelineOf = { standard: 1, github: 2, stripe: 3, shopify: 4, slack: 5, meta: 6, acme: 7 } as const;
type Vendor = keyof typeof pipelineOf;
const vendors = Object.keys(pipelineOf) as Vendor[];
const timed = ['standard', 'stripe', 'slack', 'acme'] as const;

const key = 'd538b946-9d55-405a-9bd2-72d74b1cb8f5';
const credentials = `key=${key}&token=${'a'.repeat(64)}`;

function configuration(key: string): string {
  return `destinations:
  out: { type: memory, flush: { every: 20ms } }
pipelines:
  1: { destination: out, table: standard, signature: { type: standard-webhooks, secret: "\${STANDARD}", key: ${key} } }
  2: { destination: out, table: github, signature: { type: github, secret: ["\${GITHUB}", "\${OLD}"], key: ${key.toUpperCase()} } }
  3: { destination: out, table: stripe, signature: { type: stripe, secret: "\${STRIPE}", key: ${key} } }
  4: { destination: out, table: shopify, signature: { type: shopify, secret: "\${SHOPIFY}", key: ${key} } }
  5: { destination: out, table: slack, signature: { type: slack, secret: "\${SLACK}", key: ${key} } }
  6: { destination: out, table: meta, signature: { type: meta, secret: "\${META}", verifyToken: "\${VERIFY}", key: ${key} } }
  7:
    destination: out
    table: acme
    signature:
      type: hmac
      secret: "\${ACME}"
      header: X-Acme-Signature
      encoding: base64
      prefix: v1=
      timestamp: X-Acme-Time
      content: "{timestamp}|{body}"
      tolerance: 1m
      key: ${key}
  8: { destination: out, table: both, signature: { type: github, secret: "\${GITHUB}" } }
  9: { destination: out, table: unsigned }
  10: { destination: out, table: orphan, signature: { type: github, secret: "\${GITHUB}", key: 00000000-0000-0000-0000-000000000000 } }
`;
}

describe('signed senders', function () {
  this.timeout(120_000);
  let server: Hookline;
  let standIn: string;
  let urls: Readonly<Record<string, string>>;

  before(async () => {
    const env = Object.fromEntries(
      Object.entries(secrets).map(([name, secret]) => [name.toUpperCase(), secret]),
    );
    server = await Hookline.create('destinations: { out: { type: memory } }\n', {
      env: { ...env, LOG_LEVEL: 'debug' },
    });
    standIn = (await server.token()).key;
    await server.configure(configuration(standIn), { webhooks: ', maxBody: 4MiB' });
    // By the command, which says what to enter where.
    urls = (await server.token('--expires', '1d')).urls;
    await server.start('--welcome');
  });

  after(() => server?.destroy());

  async function post(
    pipeline: number | string,
    body: Buffer | string,
    headers: Headers | [string, string][],
    more = '',
  ): Promise<{ readonly status: number; readonly answer: Answer }> {
    const url = `${server.webhookUrl}/?pipeline_id=${pipeline}${more}`;
    const response = await fetch(url, { method: 'POST', body, headers });
    return { status: response.status, answer: (await response.json()) as Answer };
  }

  const refusal = (error: string) => ({ status: 400, answer: { success: false, error } });
  const invalid = refusal('INVALID_SIGNATURE');

  /** The row of an answer that was 200. */
  async function rowOf(pipeline: number, { answer }: { readonly answer: Answer }): Promise<ChartRow> {
    const id = answer.data?.__kdd_request_id;
    expect(id, JSON.stringify(answer)).to.be.a('string');
    return await eventually('the row', async () =>
      (await rowsOf(pipeline)).find((row) => row.__kdd_request_id === id),
    );
  }

  async function rowsOf(pipeline: number): Promise<readonly ChartRow[]> {
    const response = await server.admin(`/api/pipelines/${pipeline}/rows?limit=10`);
    return (await response.json()) as ChartRow[];
  }

  /** Until every lane is empty. */
  async function drained(): Promise<void> {
    await eventually('all has landed', async () => {
      const lanes = await (await server.admin('/api/pipelines')).json();
      return (lanes as { records: number }[]).every(({ records }) => records === 0) || undefined;
    });
  }

  for (const vendor of vendors) {
    const pipeline = pipelineOf[vendor];

    describe(vendor, () => {
      it('lands what is signed, without key and token in the URL, under the key that stands in', async () => {
        const body = Buffer.from('{"é": "€ 😀", "n": 1.0,  "spaces":  "kept"}');
        const row = await rowOf(pipeline, await post(pipeline, body, by[vendor](body)));
        expect(row.__kdd_requester_key).to.equal(standIn);
        expect(row.__kdd_request_body).to.equal(body.toString());
      });

      it('refuses every other body, no signature, and the signature of another vendor, alike', async () => {
        const body = Buffer.from('{"a": 1}');
        const headers = by[vendor](body);
        expect(await post(pipeline, '{"a": 2}', headers)).to.deep.equal(invalid);
        expect(await post(pipeline, '{"a":1}', headers)).to.deep.equal(invalid);
        expect(await post(pipeline, body, {})).to.deep.equal(invalid);
        for (const other of vendors.filter((each) => each !== vendor)) {
          expect(await post(pipeline, body, by[other](body)), other).to.deep.equal(invalid);
        }
        for (const name of Object.keys(headers)) {
          const { [name]: value = '', ...others } = headers;
          expect(await post(pipeline, body, others), `without ${name}`).to.deep.equal(invalid);
          expect(await post(pipeline, body, { ...others, [name]: '' })).to.deep.equal(invalid);
          const twice: [string, string][] = [...Object.entries(headers), [name, value.replace(/[1-9]/, '0')]];
          if (vendor === 'acme' && name === 'X-Acme-Signature') continue;
          expect(await post(pipeline, body, twice), `${name} twice`).to.deep.equal(invalid);
        }
      });

      it('looks at the bytes as they came: packed, with a byte-order mark, in chunks, and large', async () => {
        const text = '{"packed": true}';
        const packed = gzipSync(text);
        const gzip = { 'Content-Encoding': 'gzip' };
        const unpacked = await post(pipeline, packed, { ...by[vendor](packed), ...gzip });
        expect((await rowOf(pipeline, unpacked)).__kdd_request_body).to.equal(text);
        expect(await post(pipeline, packed, { ...by[vendor](Buffer.from(text)), ...gzip })).to.deep.equal(
          invalid,
        );

        const marked = Buffer.from('\ufeff{"marked": true}');
        const unmarked = await post(pipeline, marked, by[vendor](marked));
        expect((await rowOf(pipeline, unmarked)).__kdd_request_body).to.equal('{"marked": true}');
        expect(await post(pipeline, marked, by[vendor](marked.subarray(3)))).to.deep.equal(invalid);

        const chunks = [Buffer.from('{"chunk'), Buffer.from('ed": [1, '), Buffer.from('2]}')];
        const whole = Buffer.concat(chunks);
        expect(await chunked(pipeline, chunks, by[vendor](whole))).to.match(/^HTTP\/1\.1 200 /);
        expect(await chunked(pipeline, chunks, by[vendor](chunks[0] as Buffer))).to.match(
          /^HTTP\/1\.1 400 [\s\S]*INVALID_SIGNATURE/,
        );

        const large = Buffer.from(JSON.stringify('x'.repeat(3_000_000)));
        expect((await post(pipeline, large, by[vendor](large))).status).to.equal(200);
        large[1_500_000] = 0x79;
        expect(
          await post(pipeline, large, by[vendor](Buffer.from(JSON.stringify('x'.repeat(3_000_000))))),
        ).to.deep.equal(invalid);
      });
    });
  }

  it("takes GitHub's own payloads, signed by @octokit/webhooks-methods, by the new secret and the old", async () => {
    const payloads = githubPayloads().slice(0, 40);
    for (const [at, body] of payloads.entries()) {
      const secret = at % 2 === 0 ? secrets.github : secrets.old;
      const headers = { 'X-Hub-Signature-256': await octokitSign(secret, body.toString()) };
      expect((await post(2, body, headers)).status).to.equal(200);
    }
    const body = Buffer.from('{}');
    expect(await post(2, body, by.github(body, 'another'))).to.deep.equal(invalid);
  });

  it('takes what standardwebhooks signs, also under the names that Svix gives the headers', async () => {
    const body = '{"é": "€"}';
    for (const family of ['webhook', 'svix']) {
      const now = new Date();
      const headers = {
        [`${family}-id`]: 'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W',
        [`${family}-timestamp`]: String(Math.floor(now.getTime() / 1000)),
        [`${family}-signature`]: new Webhook(secrets.standard).sign(
          'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W',
          now,
          body,
        ),
      };
      expect((await post(1, body, headers)).status, family).to.equal(200);
    }
  });

  for (const vendor of timed) {
    it(`${vendor}: a clock may be a little off to either side, and no more`, async () => {
      const body = Buffer.from('{}');
      const near = vendor === 'acme' ? 50 : 290;
      for (const offset of [-near, near]) {
        expect((await post(pipelineOf[vendor], body, by[vendor](body, offset))).status).to.equal(200);
      }
      for (const offset of [-near - 20, near + 20]) {
        expect(await post(pipelineOf[vendor], body, by[vendor](body, offset))).to.deep.equal(invalid);
      }
    });
  }

  it('takes the same request again, and makes it a row of its own', async () => {
    const body = Buffer.from('{"again": true}');
    const headers = by.stripe(body);
    const [one, two] = [await post(3, body, headers), await post(3, body, headers)];
    expect((await rowOf(3, one)).__kdd_request_id).not.to.equal((await rowOf(3, two)).__kdd_request_id);
  });

  it('is checked after the parameters and before the body', async () => {
    const good = by.github(Buffer.from('no JSON'));
    expect(await post(8, 'no JSON', good)).to.deep.equal(refusal('MISSING_PARAMETER: key'));
    expect(await post(8, 'no JSON', {}, `&${credentials.replace('a', '-')}`)).to.deep.equal(
      refusal('INVALID_PARAMETER: key'),
    );
    expect(await post(11, 'no JSON', {}, `&${credentials}`)).to.deep.equal(
      refusal('INVALID_PARAMETER: pipeline_id'),
    );
    expect(await post(8, 'no JSON', {}, `&${credentials}`)).to.deep.equal(invalid);
    expect(await post(8, '', {}, `&${credentials}`)).to.deep.equal(invalid);
    expect(await post(8, 'not packed', { 'Content-Encoding': 'gzip' }, `&${credentials}`)).to.deep.equal(
      invalid,
    );
    expect(await post(8, '', by.github(Buffer.alloc(0)), `&${credentials}`)).to.deep.equal(
      refusal('NO_BODY_PROVIDED'),
    );
    expect(await post(8, 'no JSON', good, `&${credentials}`)).to.deep.equal(
      refusal('INVALID_PARAMETER: body'),
    );
  });

  it("answers GitHub's published vector, which is no JSON, by its body and not by its signature", async () => {
    await server.stop();
    const env = { ...server.env, GITHUB: "It's a Secret to Everybody" };
    Object.assign(server.env, env);
    await server.start();
    const headers = {
      'X-Hub-Signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    };
    expect(await post(2, 'Hello, World!', headers)).to.deep.equal(refusal('INVALID_PARAMETER: body'));
    expect(await post(2, 'Hello, World?', headers)).to.deep.equal(invalid);
    await server.stop();
    Object.assign(server.env, { GITHUB: secrets.github });
    await server.start();
  });

  describe('key and token', () => {
    const body = Buffer.from('{"who": 1}');

    it('are both needed where no token stands in, and both count', async () => {
      const url = urls['8'] as string;
      const [, more = ''] = /pipeline_id=8(&.*)$/.exec(url) ?? [];
      expect(more).to.match(/&key=.*&token=/);
      const row = await rowOf(8, await post(8, body, by.github(body), more));
      expect(row.__kdd_requester_key).to.equal(new URL(url).searchParams.get('key'));
      const { answer } = await post(8, body, by.github(body), `&${credentials}`);
      await discarded(answer, 'unknown key');
    });

    it('count where they are given, though a token stands in', async () => {
      const { answer } = await post(2, body, by.github(body), `&${credentials}`);
      await discarded(answer, 'unknown key');
      expect(await post(2, body, by.github(body), `&key=${key}`)).to.deep.equal(
        refusal('MISSING_PARAMETER: token'),
      );
      const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` });
      const given = await post(2, body, { ...by.github(body), ...basic(`${key}:${'a'.repeat(64)}`) });
      await discarded(given.answer, 'unknown key');
      const bearer = await post(2, body, { ...by.github(body), Authorization: 'Bearer x' });
      expect((await rowOf(2, bearer)).__kdd_requester_key).to.equal(standIn);
    });

    it('are needed by a pipeline without a signature, whatever is signed', async () => {
      expect(await post(9, body, by.github(body))).to.deep.equal(refusal('MISSING_PARAMETER: key'));
      expect(await post(9, body, by.github(body), `&key=${standIn}`)).to.deep.equal(
        refusal('MISSING_PARAMETER: token'),
      );
    });

    it('are not both there for who has the key that stands in: its token is still needed elsewhere', async () => {
      const more = `&key=${standIn}&token=${'0'.repeat(64)}`;
      await discarded((await post(9, body, {}, more)).answer, 'wrong token');
      await discarded((await post(2, body, by.github(body), more)).answer, 'wrong token');
    });

    it('of a token that is not there discard all, and check says so', async () => {
      await discarded((await post(10, body, by.github(body))).answer, 'unknown key');
      const { code, stdout } = await server.cli('check');
      expect(code).to.equal(78);
      expect(stdout).to.match(/FAIL {2}signature of pipeline 10: .*unknown key.*00000000-/);
      expect(stdout).to.match(/ok {4}signature of pipeline 2$/m);
    });

    it('deactivated, stop what is signed in the second moment; activated again, let it in', async () => {
      await server.cli('tokens', 'deactivate', standIn);
      await eventually('it is discarded', async () => {
        const { answer } = await post(2, body, by.github(body));
        return (await reasonOf(answer)) === 'deactivated token' || undefined;
      });
      expect((await server.cli('check')).stdout).to.match(
        /FAIL {2}signature of pipeline 2: .*deactivated token/,
      );
      await server.cli('tokens', 'activate', standIn);
      await eventually('it lands', async () => {
        const { answer } = await post(2, body, by.github(body));
        return (await reasonOf(answer)) === undefined || undefined;
      });
    });

    async function reasonOf(answer: Answer): Promise<string | undefined> {
      await drained();
      const entries = await server.json<{ requestId: string; reason: string }[]>('discards', 'list');
      return entries.find(({ requestId }) => requestId === answer.data?.__kdd_request_id)?.reason;
    }

    async function discarded(answer: Answer, reason: string): Promise<void> {
      expect(answer.success).to.equal(true);
      expect(await reasonOf(answer)).to.equal(reason);
    }
  });

  describe('the test of a URL', () => {
    const verification = {
      token: 'Jhj5dZrVaK7ZwHHjRyZWjbDl',
      challenge: '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P',
      type: 'url_verification',
    };

    it("by Slack is answered with its challenge, signed only, and not kept: the example of Slack's page", async () => {
      const body = Buffer.from(JSON.stringify(verification));
      await drained();
      const [newest] = await rowsOf(5);
      expect(await post(5, body, by.slack(body))).to.deep.equal({
        status: 200,
        answer: { challenge: verification.challenge },
      });
      expect(await post(5, body, {})).to.deep.equal(invalid);
      const event = Buffer.from(
        JSON.stringify({ type: 'event_callback', event: { ...verification, text: '"url_verification"' } }),
      );
      await rowOf(5, await post(5, event, by.slack(event)));
      const odd = Buffer.from(JSON.stringify({ ...verification, challenge: 'é\r\n' }));
      await rowOf(5, await post(5, odd, by.slack(odd)));
      expect((await rowsOf(5))[2]).to.deep.equal(newest);
      expect((await post(2, body, by.github(body))).answer.success, 'elsewhere it is a row').to.equal(true);
    });

    const get = async (query: string, method = 'GET') => {
      const response = await fetch(`${server.webhookUrl}/?${query}`, { method });
      return {
        status: response.status,
        type: response.headers.get('content-type'),
        text: await response.text(),
      };
    };
    const test = `hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${secrets.verify}`;

    it("by Meta is answered with its challenge as it is: the example of Meta's page", async () => {
      expect(await get(`pipeline_id=6&${test}`)).to.deep.equal({
        status: 200,
        type: 'text/plain',
        text: '1158201444',
      });
      expect((await get(`${test}&pipeline_id=6&${credentials}`)).status).to.equal(200);
    });

    it('by Meta with another token, or without a challenge, is refused', async () => {
      for (const [query, error] of [
        [test.replace(secrets.verify, 'x'), 'INVALID_PARAMETER: hub.verify_token'],
        ['hub.mode=subscribe', 'INVALID_PARAMETER: hub.verify_token'],
        [test.replace('hub.challenge', 'x'), 'INVALID_PARAMETER: hub.challenge'],
        [test.replace('1158201444', '%3Cscript%3E%20'), 'INVALID_PARAMETER: hub.challenge'],
        [test.replace('1158201444', 'x'.repeat(1001)), 'INVALID_PARAMETER: hub.challenge'],
      ] as const) {
        const { status, text } = await get(`pipeline_id=6&${query}`);
        expect([status, JSON.parse(text)], query).to.deep.equal([400, { success: false, error }]);
      }
    });

    it('is none for any other pipeline or method: 405 as ever', async () => {
      for (const query of ['', 'pipeline_id=6', `pipeline_id=2&${test}`, `pipeline_id=9&${test}`, test]) {
        expect((await get(query)).status, query).to.equal(405);
      }
      expect((await get(`pipeline_id=6&${test}`, 'DELETE')).status).to.equal(405);
      expect((await get(`pipeline_id=6&${test.replace('subscribe', 'unsubscribe')}`)).status).to.equal(405);
    });
  });

  describe('the operator', () => {
    it('sends with hookline send, which signs', async () => {
      for (const vendor of ['standard', 'stripe', 'acme'] as const) {
        const pipeline = pipelineOf[vendor];
        const sent = await server.cliWith('{"by": "hand"}', 'send', String(pipeline), '--json');
        expect([sent.code, sent.stderr], vendor).to.deep.equal([0, '']);
        const row = await rowOf(pipeline, { answer: JSON.parse(sent.stdout) as Answer });
        expect(row.__kdd_request_body).to.equal('{"by": "hand"}');
      }
      const challenge = '{"type": "url_verification", "challenge": "abc"}';
      const { code, stdout } = await server.cliWith(challenge, 'send', '5');
      expect([code, stdout]).to.deep.equal([0, 'a challenge: it is answered, and not kept\n']);
    });

    it('is welcomed with the URL of a pipeline that takes a plain curl', () => {
      expect(server.output).to.match(/^curl .*\/\?pipeline_id=9&key=[0-9a-f-]{36}&token=\w{64}'$/m);
    });

    it('sees a URL without key and token where a token stands in, and with them elsewhere', async () => {
      expect(urls['2']).to.equal(`${server.webhookUrl}/?pipeline_id=2`);
      expect(urls['8']).to.match(/\?pipeline_id=8&key=[0-9a-f-]{36}&token=\w{64}$/);
      const lanes = await server.json<{ pipeline: string; url: string }[]>('pipelines');
      expect(lanes.find(({ pipeline }) => pipeline === '2')?.url).to.equal(
        `${server.webhookUrl}/?pipeline_id=2`,
      );
    });

    it('is told in the log why requests are refused, once a minute, and by a metric how many', async () => {
      const lines = server.output.match(/.*pipeline 3: a request was refused, as .*/g) ?? [];
      expect(lines.length).to.be.within(1, 4);
      const metrics = await (await server.admin('/metrics')).text();
      const refused = /refused_total\{pipeline="3",error="INVALID_SIGNATURE"\} (\d+)/.exec(metrics);
      expect(Number(refused?.[1])).to.be.greaterThan(3);
    });

    it('finds no secret in any log, metric or answer of the admin API', async () => {
      const said = [server.output];
      for (const page of ['metrics', 'api/pipelines', 'api/instance']) {
        said.push(await (await server.admin(`/${page}`)).text());
      }
      for (const command of [['pipelines'], ['check']]) {
        const { stdout, stderr } = await server.cli(...command);
        said.push(stdout, stderr);
      }
      for (const secret of Object.values(secrets)) {
        expect(
          said.some((text) => text.includes(secret)),
          secret,
        ).to.equal(false);
      }
    });
  });

  /** One after the other on the wire, as one request. */
  function chunked(pipeline: number, chunks: readonly Buffer[], headers: Headers): Promise<string> {
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return new Promise((resolve) => {
      const socket = connect(server.webhookPort, '127.0.0.1');
      let answer = '';
      socket.setEncoding('latin1').on('data', (data) => {
        answer += data;
      });
      socket.on('error', () => undefined).on('close', () => resolve(answer));
      socket.write(
        `POST /?pipeline_id=${pipeline} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n${fields.join('')}\r\n`,
      );
      for (const chunk of chunks) {
        socket.write(`${chunk.length.toString(16)}\r\n`);
        socket.write(chunk);
        socket.write('\r\n');
      }
      socket.write('0\r\n\r\n');
    });
  }
});
