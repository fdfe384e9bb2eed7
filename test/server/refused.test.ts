import { request } from 'node:http';
import { expect } from 'chai';
import type { Refusal } from '../../core/intake/refusals.js';
import { eventually, Hookline, type TestToken } from '../support/hookline.js';

describe('what senders were refused', function () {
  this.timeout(60_000);
  let server: Hookline;
  let token: TestToken;

  before(async () => {
    server = await Hookline.create(
      `destinations:
  out: { type: memory }
pipelines:
  1: { destination: out, table: one }
  2: { destination: out, table: two, signature: { type: github, secret: s3cret } }
`,
      { webhooks: ', workers: 2' },
    );
    token = await server.token();
    await server.start();
  });
  after(() => server.destroy());

  const post = (query: string, body: string, headers: Record<string, string> = {}, method = 'POST') =>
    new Promise<number>((resolve, reject) => {
      const url = `${server.webhookUrl}/?${query}`;
      const call = request(url, { method, headers, agent: false }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      });
      call.on('error', reject).end(body);
    });
  const good = (pipeline: number) => `pipeline_id=${pipeline}&key=${token.key}&token=${token.token}`;
  const metric = async (name: string, labels: string): Promise<number | undefined> => {
    const text = await (await server.admin('/metrics')).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name}{${labels}} `));
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
  };

  it('has series that begin at 0 for every pipeline', async () => {
    for (const pipeline of ['1', '2']) {
      const labels = `pipeline="${pipeline}"`;
      expect(await metric('hookline_requests_accepted_total', labels)).to.equal(0);
      expect(await metric('hookline_last_accepted_timestamp_seconds', labels)).to.equal(0);
      const body = `${labels},error="INVALID_PARAMETER: body"`;
      expect(await metric('hookline_requests_refused_total', body)).to.equal(0);
    }
    const signature = 'pipeline="2",error="INVALID_SIGNATURE"';
    expect(await metric('hookline_requests_refused_total', signature)).to.equal(0);
  });

  it('is told by pipeline: when, to whom, and how it was asked, but no body and no token', async () => {
    const form = { 'Content-Type': 'application/x-www-form-urlencoded', 'User-Agent': 'Form/1.0' };
    expect(await post(good(1), 'payload=hidden', form)).to.equal(400);
    expect(await post(good(1), 'payload=hidden', form)).to.equal(400);
    expect(await post(good(2), '{}', { 'Content-Encoding': 'identity' })).to.equal(400);
    expect(await post('pipeline_id=2&key=x', '')).to.equal(400);
    expect(await post(good(1), '', {}, 'PUT')).to.equal(405);
    expect(await post(good(404), '{}')).to.equal(400);
    const all = await server.json<Refusal[]>('refused');
    const told = all.map(({ pipeline, error }) => `${pipeline} ${error}`);
    expect(told).to.have.members([
      ...told.filter((one) => one === '1 INVALID_PARAMETER: body'),
      '2 INVALID_SIGNATURE',
      '2 MISSING_PARAMETER: token',
      '1 METHOD_NOT_ALLOWED',
      ' INVALID_PARAMETER: pipeline_id',
    ]);
    const forms = (await server.json<Refusal[]>('refused', '1')).filter(({ error }) =>
      error.endsWith('body'),
    );
    expect(forms.reduce((sum, { count }) => sum + count, 0)).to.equal(2);
    for (const { client, size, contentType, userAgent, at } of forms) {
      expect({ client, size, contentType }).to.deep.equal({
        client: '127.0.0.1',
        size: 14,
        contentType: form['Content-Type'],
      });
      expect(userAgent).to.equal(form['User-Agent']);
      expect(Math.abs(Date.now() - at)).to.be.below(60_000);
    }
    expect(JSON.stringify(all)).not.to.include(token.token).and.not.to.include('hidden');
    expect(
      await metric('hookline_requests_refused_total', 'pipeline="1",error="INVALID_PARAMETER: body"'),
    ).to.equal(2);
    const unknown = 'pipeline="none",error="INVALID_PARAMETER: pipeline_id"';
    expect(await metric('hookline_requests_refused_total', unknown)).to.equal(1);
  });

  it('is a table, and needs a server', async () => {
    const { stdout, code } = await server.cli('refused', '1', '--limit', '1');
    expect(code).to.equal(0);
    expect(stdout.split('\n')).to.have.length(2);
    expect((await server.cli('refused', '3')).code).to.equal(2);
  });

  it('is told beside when a request was accepted last, by any worker', async () => {
    for (let n = 0; n < 10; n++) expect(await post(good(1), '{}')).to.equal(200);
    const last = (await metric('hookline_last_accepted_timestamp_seconds', 'pipeline="1"')) ?? 0;
    expect(Math.abs(Date.now() / 1000 - last)).to.be.below(60);
  });

  it('is no reason to be silent about a proxy that is not trusted: one line', async () => {
    expect(server.output).not.to.include('trustedProxies');
    for (let n = 0; n < 5; n++) await post(good(1), '{}', { 'X-Forwarded-For': '203.0.113.7' });
    await eventually(
      'it is told',
      async () => server.output.includes('server.webhooks.trustedProxies') || undefined,
    );
    // Once for each worker.
    expect(server.output.match(/is not believed/g)?.length).to.be.within(1, 2);
  });
});
