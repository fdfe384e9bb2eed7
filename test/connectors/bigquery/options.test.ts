import { expect } from 'chai';
import plugin from '../../../connectors/bigquery/index.js';
import { type BigqueryOptions, isAnonymous } from '../../../connectors/bigquery/options.js';
import { builtins } from '../../../connectors/index.js';
import { Registry } from '../../../core/host/registry.js';
import { problemsIn } from '../../config/fixture.js';

const account = '{"type":"service_account","private_key":"unspeakable"}';
const parse = (options: object) => plugin.config.safeParse({ dataset: 'hooks', ...options });
const issues = (options: object): string[] =>
  (parse(options).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('the bigquery options', () => {
  it('need a dataset and nothing else', () => {
    expect(parse({}).data).to.deep.include({
      dataset: 'hooks',
      createDataset: false,
      method: 'storage-write',
      table: { partition: 'day', cluster: [] },
      labels: {},
      requestBytes: 9 * 1024 ** 2,
    });
  });

  it('take credentials from a file or as JSON, not both, and repeat none', () => {
    expect(issues({ credentials: { keyFile: './key.json' } })).to.deep.equal([]);
    expect(issues({ credentials: { json: account } })).to.deep.equal([]);
    for (const credentials of [
      {},
      { keyFile: 'x', json: account },
      { json: 'unspeakable' },
      { json: '[]' },
    ]) {
      const found = issues({ credentials });
      expect(found.length, JSON.stringify(credentials)).to.equal(1);
      expect(found[0]).not.to.include('unspeakable');
    }
  });

  it('send no credentials over plain http to another machine', () => {
    const credentials = { json: account };
    expect(issues({ credentials, apiEndpoint: 'http://127.0.0.1:9050' })).to.deep.equal([]);
    expect(issues({ credentials, apiEndpoint: 'https://bigquery.example.com' })).to.deep.equal([]);
    expect(issues({ apiEndpoint: 'http://bigquery:9050' })).to.deep.equal([]);
    expect(issues({ credentials, apiEndpoint: 'http://bigquery:9050' })).to.have.length(1);
    expect(issues({ credentials, storageEndpoint: 'http://bigquery:9060' })).to.have.length(1);
  });

  it('ask nobody who he is at an emulator, unless there are credentials', () => {
    const anonymous = (options: object) => isAnonymous(parse(options).data as BigqueryOptions);
    expect(anonymous({ apiEndpoint: 'http://127.0.0.1:9050' })).to.equal(true);
    expect(anonymous({ apiEndpoint: 'http://127.0.0.1:9050', credentials: { json: account } })).to.equal(
      false,
    );
    expect(anonymous({ apiEndpoint: 'https://bigquery.example.com' })).to.equal(false);
    expect(anonymous({})).to.equal(false);
  });

  it('refuse what BigQuery would', () => {
    const refused: readonly object[] = [
      { dataset: 'a-b' },
      { project: 'My Project' },
      { table: { partition: 'week' } },
      { table: { partition: 'none', expiry: '90d' } },
      { table: { cluster: ['__kdd_request_unix_timestamp'] } },
      { labels: { Team: 'x' } },
      { labels: { team: 'X y' } },
      { requestBytes: '10MiB' },
      { apiEndpoint: 'bigquery:9050' },
      { apiEndpoint: 'https://bigquery.example.com/v2' },
      { method: 'insert-all' },
    ];
    for (const options of refused) expect(issues(options), JSON.stringify(options)).to.have.length(1);
  });
});

describe('the flush of a bigquery destination', () => {
  const yaml = (options: string) => `destinations: { w: { type: bigquery, dataset: hooks, ${options} } }`;
  const own = async (options: string) =>
    (await problemsIn('x.yaml', new Registry(builtins), { text: yaml(options) }))
      .map(({ line, column, message }) => `${line}:${column} ${message}`)
      .filter((complaint) => complaint.includes('destinations.w'));

  it('may be of seconds with storage-write', async () => {
    expect(await own('flush: { every: 2s }')).to.deep.equal([]);
  });

  it('is of two minutes with load-job unless it is given', async () => {
    expect(await own('method: load-job')).to.deep.equal([]);
    expect(plugin.suited?.({ method: 'load-job' }).flush?.every).to.equal('2m');
  });

  it('is refused with load-job when it would use up the load jobs of a day', async () => {
    expect(await own('method: load-job, flush: { every: 90s }')).to.deep.equal([]);
    const [found] = await own('method: load-job, flush: { every: 60s }');
    expect(found).to.include('1:88 destinations.w.flush.every: too short').and.to.include('1,500 load jobs');
  });
});
