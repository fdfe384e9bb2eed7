import { join } from 'node:path';
import pg from 'pg';
import { buildGo } from '../../support/foreign.js';
import { root } from '../../support/npm.js';
import type { Peer } from './peer.js';
import { startProgram } from './program.js';

const release = 'v4.60.0';

const build = () =>
  buildGo({
    name: 'benthos',
    modules: [`github.com/redpanda-data/benthos/v4@${release}`, 'github.com/jackc/pgx/v5@v5.12.0'],
    main: { file: join(root, 'test/bench/peers/benthos.go') },
  });

const input = (port: number) => `http: { address: "127.0.0.1:${port}" }
logger: { level: ERROR }
input:
  http_server: { path: /post, timeout: 60s }
`;

const output = (batching: string) => `output:
  postgres_copy:
    url: \${DATABASE_URL}
    table: bench
    column: body
    max_in_flight: 4
${batching}`;

/**
 * As it is without a buffer: a request is answered when its batch is in the warehouse. A batch waits for half
 * of the senders at most, so that two halves take turns.
 */
export const benthos = benthosWith(
  'no buffer',
  'the COMMIT in Postgres',
  true,
  (port) => input(port) + output('    batching: { count: 32, period: 5ms }\n'),
);

/** With the one buffer that comes with it, which answers at once; batches as large as Hookline's. */
export const benthosInMemory = benthosWith(
  'buffer: memory',
  'nothing',
  false,
  (port) =>
    `${input(port)}buffer:
  memory: { limit: 2000000000, batch_policy: { enabled: true, count: 10000, period: 1s } }
${output('')}`,
);

function benthosWith(
  buffer: string,
  waitsFor: string,
  durable: boolean,
  configuration: (port: number) => string,
): Peer {
  return {
    name: `Benthos, ${buffer}`,
    version: `${release}, with an output by COPY in place of Redpanda Connect's`,
    waitsFor,
    durable,
    table: 'bench',
    column: 'body',
    install: async () => {
      await build();
    },
    start: async (databaseUrl) => {
      const client = new pg.Client({ connectionString: databaseUrl });
      await client.connect();
      await client.query('CREATE TABLE bench (body text NOT NULL)');
      await client.end();
      return await startProgram(
        {
          binary: await build(),
          args: ['-c'],
          file: 'benthos.yaml',
          configuration,
          path: '/post',
          ready: async (port) => {
            if (!(await fetch(`http://127.0.0.1:${port}/ready`)).ok) throw new Error('not ready');
          },
        },
        databaseUrl,
      );
    },
  };
}
