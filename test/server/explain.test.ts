import { expect } from 'chai';
import type { Explanation } from '../../server/explanation.js';
import { eventually, Hookline } from '../support/hookline.js';

const sections = `tokens: { type: static, tokens: [] }
plugins: [./quiet.mjs]
destinations:
  local: { type: duckdb, path: ./local.duckdb, ledger: my_ledger, flush: { rows: 2000, bytes: 1MiB, every: 2s } }
  lake: { type: parquet, path: ./lake }
  click: { type: clickhouse, url: "http://someone:sesame-open@127.0.0.1:1/nowhere" }
  toy: { type: memory }
  other: { type: quiet }
pipelines:
  1: { name: Leads, destination: local, table: leads }
  2: { name: Orders, destination: [local, lake, click], table: orders, paused: true, limit: { requests: 50, bytes: 1MiB } }
  3: { destination: toy, table: toys }
  4: { destination: other, table: others, signature: { type: github, secret: it-is-a-secret-too, key: d538b946-9d55-405a-9bd2-72d74b1cb8f5 } }
`;

const quiet = `import { definePlugin } from '${new URL('../../core/index.js', import.meta.url).href}';
import { z } from '${import.meta.resolve('zod')}';
export default definePlugin({ kind: 'destination', name: 'quiet', config: z.object({}), create: () => { throw new Error('not built for an explanation'); } });
`;

describe('hookline explain', function () {
  this.timeout(120_000);
  let server: Hookline;

  before(async () => {
    server = await Hookline.create(sections, { webhooks: ', workers: 2, maxBody: 2MiB' });
    const { writeFile } = await import('node:fs/promises');
    await writeFile(`${server.folder}/quiet.mjs`, quiet);
  });

  after(() => server.destroy());

  const known = new Map<string, Explanation>();

  /** From one run of the command for each pipeline, unless it is to be `fresh`. */
  async function passage(pipeline: string, title: string, fresh = false): Promise<string> {
    if (fresh || !known.has(pipeline))
      known.set(pipeline, await server.json<Explanation>('explain', pipeline));
    const passages = known.get(pipeline)?.passages ?? [];
    return passages.find((each) => each.title === title)?.sentences.join('\n') ?? '';
  }

  it('says what becomes of what fails authentication, and how long it is held', async () => {
    expect(await passage('1', 'What is guaranteed')).to.match(/discarded and listed\.$/m);
    await server.configure(`discards: { keep: 36h }\n${sections}`);
    const held = await passage('1', 'What is guaranteed', true);
    expect(held).to.match(/discarded and listed\. It is held with its body for 1\.5 d/);
    await server.configure(sections, { webhooks: ', workers: 2, maxBody: 2MiB' });
    known.clear();
  });

  it('says how a batch lands once in each destination, in the words of its connector and by its options', async () => {
    const { stdout, code } = await server.cli('explain', '2');
    expect(code).to.equal(0);
    expect(stdout).to.match(
      /^Pipeline 2, Orders\n\nWhat it is\n- What is posted to http:.*\?pipeline_id=2 becomes a row of the table orders in local \(duckdb\), lake \(parquet\) and click \(clickhouse\)\./,
    );
    expect(stdout).to.include('They do not wait for each other');
    expect(stdout).to.match(/In local: .*the table my_ledger, are one transaction/);
    expect(stdout).to.match(/In lake: A batch is one file.*there is no ledger/);
    expect(stdout).to.match(/In click: There are no transactions, and so no ledger/);
    expect(stdout).to.not.include('sesame-open');
  });

  it('says that a pipeline is paused, what its limits are, and who shares its destination', async () => {
    expect(await passage('2', 'What it is')).to.include('It is paused');
    expect(await passage('2', 'How long until a row is visible')).to.match(
      /^Never, while it is paused[\s\S]*In lake: .* waited 1 min/,
    );
    expect(await passage('2', 'Its limits')).to.match(
      /2MiB, unpacked[\s\S]*50 requests and 1MiB of bodies a second, over all 2 workers/,
    );
    expect(await passage('1', 'What it is')).not.to.include('paused');
    expect(await passage('1', 'How long until a row is visible')).to.match(
      /waited 2 s, or earlier, when it has 2,000 rows or 1MiB\. So at the latest 2\.1 s .* and 2 pipelines share that/,
    );
    expect(await passage('1', 'Its limits')).to.match(
      /no limit of its own[\s\S]*not been found good yet may send 1,000 requests and 16MiB/,
    );
    const down = await passage('2', 'When something is down');
    expect(down).to.include('cannot be down');
    for (const part of [
      /This server: senders cannot connect and should try again; nothing that was answered is lost/,
      /The load process alone: senders notice nothing, rows come later/,
      /The disk, failing or full, or the spool at its limit: senders get 503 with Retry-After/,
      /local \(duckdb\): senders are answered, and the rows wait in the spool/,
      /lake \(parquet\): .*click \(clickhouse\): .*A fault of its set-up, .* halts this lane/s,
    ]) {
      expect(down).to.match(part);
    }
  });

  it('promises nothing for rows in memory, nor for a connector that says nothing', async () => {
    expect(await passage('3', 'What is guaranteed')).to.include('In toy: None: rows are in the memory');
    expect(await passage('4', 'What is guaranteed')).to.include('In other: the connector quiet does not say');
  });

  it('says that senders sign, and whose token stands in for theirs', async () => {
    const text = await passage('4', 'What is guaranteed');
    expect(text).to.match(/400 INVALID_SIGNATURE[\s\S]*d538b946-9d55-405a-9bd2-72d74b1cb8f5 stands in/);
    expect(text).not.to.include('it-is-a-secret-too');
  });

  it('says how it is now, without a server and with one', async () => {
    expect(await passage('1', 'How it is now')).to.match(
      /^local is not being loaded: no server runs.*; nothing waits\.$/,
    );
    expect(await passage('1', 'What is guaranteed')).to.include('no receipt is kept');
    await server.configure(
      `receipts: { keep: 7d }\n${sections.replace('  other: { type: quiet }\n', '').replace(/ {2}4: .*\n/, '')}`,
    );
    expect(await passage('1', 'What is guaranteed', true)).to.match(
      /a receipt is kept for 7 d.* hookline reconcile 1 /,
    );
    await server.start();
    const url = `${server.webhookUrl}/?pipeline_id=1&key=d538b946-9d55-405a-9bd2-72d74b1cb8f5&token=x`;
    expect((await server.post(url, '1')).status).to.equal(200);
    await eventually(
      'it was discarded',
      async () =>
        (await passage('1', 'How it is now', true)).includes('1 request has been discarded') || undefined,
    );
    expect(await passage('1', 'How it is now', true)).to.match(/^local is running; nothing waits\./);
    expect(await passage('2', 'How it is now', true)).to.match(
      /^local is paused;.*\nlake is paused;.*\nclick is paused;/,
    );
  });

  it('names the pipelines that there are when it is asked for another', async () => {
    const { code, stderr } = await server.cli('explain', '9');
    expect(code).to.equal(2);
    expect(stderr).to.include('there is no pipeline 9; there are: 1, 2, 3');
  });
});
