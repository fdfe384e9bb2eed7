import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import { eventually, Hookline } from '../support/hookline.js';

type Rows = readonly Record<string, unknown>[];

const destinations = `destinations:
  local: { type: duckdb, path: ./warehouse.duckdb, releaseAfter: 200ms, flush: { every: 50ms } }
pipelines:
  1: { destination: local, table: one }
`;

describe('the quarantine', function () {
  this.timeout(120_000);
  let server: Hookline;

  beforeEach(async () => {
    server = await Hookline.create(`discards: { keep: 7d }\n${destinations}`);
  });

  afterEach(() => server.destroy());

  const held = (...args: string[]) => server.json<Rows>('discards', 'list', '--held', ...args);
  const untilHeld = (count: number) =>
    eventually(`${count} are held`, async () => {
      const found = await held();
      return found.length === count ? found : undefined;
    });

  it('holds what failed authentication over kill -9, and lands it once when its token is mended', async () => {
    const { key, token, urls } = await server.token();
    await server.start();
    await server.cli('tokens', 'deactivate', key);
    const body = '{"kept":  "as posted"}';
    const { answer } = await server.post(String(urls['1']), body);
    const id = answer.data?.__kdd_request_id;
    const forged = String(urls['1']).replace(token, 'forged');
    await server.post(forged, '{"forged": true}');
    await untilHeld(2);
    await server.killAll();
    const waits = /accepted as ([a-z]{20})/.exec((await server.cliWith('1', 'send', '1')).stdout)?.[1];
    expect((await server.json<Rows>('request', String(waits)))[0]).to.include({ state: 'waiting', bytes: 1 });
    expect((await server.json<Rows>('request', String(id)))[0]).to.include({ state: 'held', key });

    expect((await server.cli('request', String(waits))).stdout).to.match(
      /^1\/local: accepted \S+Z under key \S+, 1 bytes; waits to be authenticated and sealed\n$/,
    );
    expect((await server.cli('request', String(id))).stdout).to.match(
      /; failed authentication at \S+Z: deactivated token; held until \S+Z\n$/,
    );

    const [one] = await held('--reason', 'deactivated');
    expect(one).to.include({ requestId: id, pipeline: '1', destination: 'local', key });
    const days = (Date.parse(String(one?.['heldUntil'])) - Date.now()) / 86_400_000;
    expect(days).to.be.within(6.9, 7);
    const [shown] = await server.json<Rows>('discards', 'show', String(id));
    expect(shown).to.include({ __kdd_request_body: body });

    await server.start();
    // The load process has just looked the key up: what is released must not be judged by that.
    const early = await server.cli('discards', 'release', String(id));
    expect(early.stdout).to.equal(
      '0 discards released, 1 held again until the time that was set (deactivated token 1)\n',
    );
    const until = (await untilHeld(2)).map(({ heldUntil }) => heldUntil);
    await server.cli('tokens', 'activate', key);
    const released = await server.cli('discards', 'release', '--all');
    expect(released.stdout).to.equal(
      '1 discard released, 1 held again until the time that was set (wrong token 1)\n',
    );
    const [again] = await untilHeld(1);
    expect(again).to.include({ reason: 'wrong token', key });
    expect(until).to.include(again?.['heldUntil']);
    await server.drain();
    const gone = await server.cli('request', String(waits));
    expect([gone.code, gone.stderr]).to.satisfy(
      ([code, stderr]: [number, string]) =>
        code === 1 && /nothing is known of request [a-z]{20}/.test(stderr),
    );
    const rows = (await server.json<Rows>('rows', '1')).filter((row) => row['__kdd_request_id'] !== waits);
    expect(rows.map((row) => row['__kdd_request_id'])).to.deep.equal([id]);
    expect(rows[0]).to.include({
      __kdd_request_body: body,
      __kdd_request_unix_timestamp: answer.data?.__kdd_request_unix_timestamp,
    });

    expect((await server.cli('discards', 'drop', '--key', key)).stdout).to.equal('1 discard dropped\n');
    expect(await held()).to.deep.equal([]);
    const none = await server.cli('discards', 'show', String(id));
    expect([none.code, none.stderr]).to.satisfy(
      ([code, stderr]: [number, string]) => code === 1 && /no request [a-z]{20} is held/.test(stderr),
    );
  });

  it('lets in what was signed, once the token that stands in is mended, and nothing before', async () => {
    const { key } = await server.token();
    const secret = 'It is a secret to everybody';
    await server.configure(
      `discards: { keep: 7d }\n${destinations}    signature: { type: github, secret: "${secret}", key: ${key} }\n`.replace(
        '1: { destination: local, table: one }',
        '1:\n    destination: local\n    table: one',
      ),
    );
    await server.cli('tokens', 'deactivate', key);
    await server.start();
    const body = '{"signed": true}';
    const response = await fetch(`${server.webhookUrl}/?pipeline_id=1`, {
      method: 'POST',
      body,
      headers: { 'X-Hub-Signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` },
    });
    expect(response.status).to.equal(200);
    await untilHeld(1);
    await server.cli('discards', 'release', '--all');
    expect((await untilHeld(1))[0]).to.include({ reason: 'deactivated token', key });
    await server.cli('tokens', 'activate', key);
    expect((await server.cli('discards', 'release', '--all')).stdout).to.equal('1 discard released\n');
    await server.drain();
    expect(await held()).to.deep.equal([]);
    const rows = await server.json<Rows>('rows', '1');
    expect(rows.map((row) => row['__kdd_request_body'])).to.deep.equal([body]);
  });

  it('begins and ends by a reload, and names a mistake with its line', async () => {
    await server.configure(destinations);
    const { urls, token } = await server.token();
    await server.start();
    const forged = String(urls['1']).replace(token, 'forged');
    await server.post(forged, '1');
    await server.drain();
    expect(await held()).to.deep.equal([]);
    await server.configure(`discards: { keep: 1h }\n${destinations}`);
    expect((await server.cli('reload')).code).to.equal(0);
    await server.post(forged, '2');
    await untilHeld(1);
    await server.configure(`discards: { keep: soon }\n${destinations}`);
    const { code, stderr } = await server.cli('check');
    expect(code).to.equal(78);
    expect(stderr).to.match(/hookline\.yaml:\d+:19 .*discards\.keep.*duration/);
  });
});
