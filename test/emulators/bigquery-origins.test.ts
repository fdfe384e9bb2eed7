import { expect } from 'chai';
import { makeBatch, makeRow } from 'hookline/conformance';
import { BigqueryDestination } from '../../connectors/bigquery/destination.js';
import { config } from '../../connectors/bigquery/options.js';
import { Statistics } from '../../connectors/bigquery/statistics.js';
import { silent } from '../../core/conformance/instantiate.js';
import { ProcessMetrics } from '../../core/contract/metrics.js';
import { project, TestBigquery } from '../support/bigquery.js';
import { rowsOf } from '../support/bigquery-subject.js';
import { json } from '../support/fault-proxy.js';

const never = new AbortController().signal;

/** goccy's emulator takes a PATCH of a schema, and goes on with the old one. */
describe('where batches in bigquery are from, on bigquery-local', function () {
  this.timeout(60_000);
  let server: TestBigquery;

  before(async function () {
    this.timeout(170_000);
    server = await TestBigquery.start('local');
    await server.renew(['hooks']);
  });
  after(() => server.destroy());

  it('is added to a ledger of before, or it says that it may not, and goes on', async () => {
    const tableReference = { projectId: project, datasetId: 'hooks', tableId: '__hookline_batches' };
    const fields = [
      ...['batch_id', 'table_name', 'stream'].map((name) => ({ name, type: 'STRING', mode: 'NULLABLE' })),
      ...['rows', 'bytes'].map((name) => ({ name, type: 'INTEGER', mode: 'NULLABLE' })),
      { name: 'fixed_at', type: 'TIMESTAMP', mode: 'NULLABLE' },
    ];
    await server.direct('POST', '/datasets/hooks/tables', { tableReference, schema: { fields } });
    const warnings: string[] = [];
    const logger = { ...silent, warn: (_: object, text: string) => void warnings.push(text) };
    const options = config.parse({ project, dataset: 'hooks', ...server.endpoints, requestBytes: 3_500_000 });
    const writer = new BigqueryDestination(options, new Statistics(new ProcessMetrics()), logger);
    try {
      await writer.open(never);
      const spool = '0123456789ab';
      const from = (serial: number) => ({ ...makeBatch('leads', [makeRow()]), origin: { spool, serial } });
      let refused = 0;
      server.fault = async (request, next) => {
        if (request.method !== 'PATCH') return await next();
        refused++;
        return json(403, { error: { code: 403, message: 'no', errors: [{ reason: 'accessDenied' }] } });
      };
      for (let n = 0; n < 2; n++) await writer.ensureTable('leads', never);
      expect([refused, warnings.length]).to.deep.equal([2, 1]);
      expect(warnings[0]).to.match(
        /no columns spool STRING and serial INT64 \(.*bigquery\.tables\.update; run: /,
      );
      const first = from(1);
      await writer.write(first, never);
      expect(await writer.newestBatch?.(spool, never)).to.equal(undefined);
      server.fault = (_, next) => next();
      await writer.ensureTable('leads', never);
      const second = from(2);
      await writer.write(second, never);
      expect(await writer.newestBatch?.(spool, never)).to.deep.equal({ id: second.id, serial: 2 });
      expect(await writer.newestBatch?.('another', never)).to.equal(undefined);
      expect(warnings.length).to.equal(1);
      const ids = (await rowsOf(server, 'hooks', 'leads')).map(({ requestId }) => requestId);
      expect(ids.sort()).to.deep.equal([first, second].map(({ rows }) => rows[0]?.requestId).sort());
    } finally {
      await writer.close();
    }
  });
});
