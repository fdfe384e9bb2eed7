import {
  absent,
  type DestinationLimits,
  type DestinationSubject,
  instantiate,
  type TableShape,
  tableShapes,
} from 'hookline/conformance';
import type { Row } from 'hookline/plugin';
import plugin from '../../connectors/bigquery/index.js';
import { project, type TestBigquery } from './bigquery.js';

const fields = [
  ['__kdd_request_id', 'STRING'],
  ['__kdd_request_unix_timestamp', 'FLOAT64'],
  ['__kdd_requester_key', 'STRING'],
  ['__kdd_request_body', 'STRING'],
].map(([name, type]) => ({ name, type, mode: 'NULLABLE' }));
const names = fields.map(({ name }) => name).join(', ');

/** Of the tables that somebody else has made; a view has none. */
export const schemas: Readonly<Partial<Record<TableShape, object>>> = {
  'without a body': { schema: { fields: fields.slice(0, 3) } },
  'with a timestamp that is text': {
    schema: { fields: fields.map((field) => ({ ...field, type: 'STRING' })) },
  },
  'with a mandatory column of its own': {
    schema: { fields: [...fields, { name: 'n', type: 'INT64', mode: 'REQUIRED' }] },
  },
  'in another order and with further nullable columns': {
    schema: {
      fields: [
        { name: 'note', type: 'STRING', mode: 'NULLABLE' },
        ...fields.toReversed(),
        { name: 'n', type: 'INT64', mode: 'NULLABLE' },
      ],
    },
  },
};

/** A dataset of an emulator's, for the conformance suite. */
export function bigquerySubject(
  server: () => TestBigquery,
  dataset: string,
  own: object,
  limits: DestinationLimits,
): DestinationSubject {
  const options = () => ({ project, dataset, ...server().endpoints, ...own });
  const as = (account: object, other: object = {}) =>
    instantiate(plugin, { ...options(), credentials: { json: JSON.stringify(account) }, ...other });
  return {
    make: () => instantiate(plugin, options()),
    rows: (table) => rowsOf(server(), dataset, table),
    describe: async () => {
      const { tables = [] } = await server().direct<{ tables?: { tableReference: { tableId: string } }[] }>(
        'GET',
        `/datasets/${dataset}/tables?maxResults=1000`,
      );
      const found = tables.map(({ tableReference }) => tableReference.tableId).sort();
      const described: unknown[] = [];
      for (const table of found) {
        const path = `/datasets/${dataset}/tables/${encodeURIComponent(table)}`;
        const { schema, type } = await server().direct<{ schema: unknown; type: string }>('GET', path);
        const [count] =
          type === 'VIEW' ? [] : await server().sql(`SELECT COUNT(*) FROM ${quote(dataset, table)}`);
        described.push({ table, schema, type, count });
      }
      return described;
    },
    tables: {
      create: async (table, shape) => {
        if (shape === 'that is a view') {
          await server().sql(`CREATE VIEW ${quote(dataset, table)} AS SELECT 1 AS __kdd_request_id`);
          return;
        }
        const tableReference = { projectId: project, datasetId: dataset, tableId: table };
        const body = { tableReference, ...schemas[shape] };
        await server().direct('POST', `/datasets/${dataset}/tables`, body);
      },
      shapes: tableShapes,
    },
    refused: absent('BigQuery takes every JSON text that is short enough'),
    limits,
    process: () => ({
      module: new URL('../../connectors/bigquery/index.js', import.meta.url).href,
      plugin: 'bigquery',
      options: options(),
    }),
    misconfigured: {
      'wrong credentials': () => as(server().stranger),
      'missing database': () => as(server().writer, { dataset: 'nowhere' }),
      'missing grant': async (table) => {
        const maker = instantiate(plugin, options());
        const { signal } = new AbortController();
        await maker.open(signal);
        await maker.ensureTable(table, signal);
        await maker.close();
        return as(server().reader);
      },
    },
    outage: { begin: () => server().disconnect(), end: () => server().connect() },
    secrets: () =>
      [server().writer, server().reader, server().stranger].map(({ private_key }) =>
        private_key.slice(60, 160),
      ),
  };
}

export async function rowsOf(server: TestBigquery, dataset: string, table: string): Promise<Row[]> {
  const found = await server.sql(`SELECT ${names} FROM ${quote(dataset, table)}`);
  return found.map(([requestId, timestamp, key, body]) => ({
    requestId: requestId ?? '',
    // bigquery-local writes 1e-308 as 1e-308.0.
    timestamp: Number(timestamp?.replace(/(e-?\d+)\.0$/, '$1')),
    key: key ?? '',
    body: Buffer.from(body ?? ''),
  }));
}

function quote(dataset: string, table: string): string {
  return `\`${project}\`.\`${dataset}\`.\`${table}\``;
}
