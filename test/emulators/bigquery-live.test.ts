import { BigQuery } from '@google-cloud/bigquery';
import {
  absent,
  type DestinationSubject,
  destinationClaims,
  instantiate,
  tableShapes,
} from 'hookline/conformance';
import plugin from '../../connectors/bigquery/index.js';
import { serviceAccount } from '../support/bigquery.js';
import { schemas } from '../support/bigquery-subject.js';

/** `my-project.hookline_test`: see connectors/bigquery/README.md. */
const live = process.env['HOOKLINE_TEST_BIGQUERY'];

interface LiveRow {
  readonly __kdd_request_id: string;
  readonly __kdd_request_unix_timestamp: number;
  readonly __kdd_requester_key: string;
  readonly __kdd_request_body: string;
}

/** A dataset on Google's own servers, read by Google's own client. */
function liveSubject(project: string, dataset: string, own: object): DestinationSubject {
  const options = { project, dataset, ...own };
  const stranger = serviceAccount('stranger');
  const google = new BigQuery({ projectId: project });
  const location = async () => (await google.dataset(dataset).getMetadata())[0].location as string;
  const sql = async (query: string): Promise<unknown[]> =>
    (await google.query({ query, useQueryCache: false, location: await location() }))[0] as unknown[];
  const quote = (table: string) => `\`${project}\`.\`${dataset}\`.\`${table}\``;
  return {
    make: () => instantiate(plugin, options),
    rows: async (table) =>
      ((await sql(`SELECT * FROM ${quote(table)}`)) as LiveRow[]).map((row) => ({
        requestId: row.__kdd_request_id,
        timestamp: row.__kdd_request_unix_timestamp,
        key: row.__kdd_requester_key,
        body: Buffer.from(row.__kdd_request_body),
      })),
    describe: async () => {
      const schema = `\`${project}\`.\`${dataset}\`.INFORMATION_SCHEMA.COLUMNS`;
      return await sql(
        `SELECT table_name, column_name, data_type, is_nullable FROM ${schema} ORDER BY 1, ordinal_position`,
      );
    },
    tables: {
      create: async (table, shape) => {
        const view = { query: 'SELECT 1 AS __kdd_request_id', useLegacySql: false };
        await google.dataset(dataset).createTable(table, schemas[shape] ?? { view });
      },
      shapes: tableShapes,
    },
    refused: absent('BigQuery takes every JSON text that is short enough'),
    limits: { body: 10 * 1024 ** 2, rows: 50_000, bytes: 32 * 1024 ** 2 },
    process: () => ({
      module: new URL('../../connectors/bigquery/index.js', import.meta.url).href,
      plugin: 'bigquery',
      options,
    }),
    misconfigured: {
      'wrong credentials': () =>
        instantiate(plugin, { ...options, credentials: { json: JSON.stringify(stranger) } }),
      'missing database': () => instantiate(plugin, { ...options, dataset: `${dataset}_nowhere` }),
      'missing grant': absent('it takes a second account'),
    },
    outage: absent("Google's network is not ours to cut"),
    secrets: () => [stranger.private_key.slice(60, 160)],
  };
}

for (const method of ['storage-write', 'load-job']) {
  describe(`the bigquery destination by ${method} on a live account`, function () {
    // Each statement of BigQuery's takes seconds.
    this.timeout(1_800_000);
    const [project = '', dataset = ''] = live?.split('.') ?? [];
    if (project === '' || dataset === '') {
      it('is skipped: it needs an account; HOOKLINE_TEST_BIGQUERY=project.dataset names one');
      return;
    }
    for (const claim of destinationClaims(liveSubject(project, dataset, { method })))
      it(claim.name, claim.run);
  });
}
