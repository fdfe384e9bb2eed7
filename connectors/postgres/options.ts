import { z } from 'zod';
import { type ServerAddress, serverAddress } from '../../core/index.js';
import { faultOf, passedOver } from './url-parameters.js';
import { tlsFault, tlsOfUrl } from './url-tls.js';

const server = serverAddress({
  example: 'postgres://user:password@host:5432/database?sslmode=verify-full',
  protocols: ['postgres', 'postgresql'],
  port: 5432,
  required: ['user'],
  // As libpq has them: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
  parameters: {
    fault: (asked) => faultOf(asked) ?? tlsFault(asked),
    apply: (address, asked) => ({
      host: asked.get('host') ?? address.host,
      port: Number(asked.get('port') ?? address.port),
      user: asked.get('user') ?? address.user,
      password: asked.get('password') ?? address.password,
      database: asked.get('dbname') ?? address.database,
      tls: tlsOfUrl(asked),
    }),
  },
});

const { host, database, ssl } = server.options;

/** How to reach the server; the destination and the token store share it. */
export const connectionOptions = {
  ...server.options,
  host: host.describe('A host name, an address, or the folder of a Unix socket; localhost unless set'),
  database: database.describe("The user's name unless set"),
  ssl: ssl.describe(
    'true: TLS with a certificate that is verified; or a mapping that says how, as sslmode in the url does',
  ),
  schema: z.string().default('public').describe('The schema of its tables; it must be there'),
  connections: z.int().min(1).max(100).default(4).describe('The most connections at once'),
  applicationName: z.string().default('hookline').describe('Shown in pg_stat_activity'),
};

const connection = z.object(connectionOptions);
export type ConnectionOptions = z.output<typeof connection>;

export const urlOrParts = server.complete;

export function addressOf(options: ConnectionOptions): ServerAddress {
  const address = server.addressOf(options);
  return { ...address, database: address.database || address.user };
}

/** What of the url changes nothing: a line each, for the log. */
export function warningsOf({ url }: ConnectionOptions): string[] {
  return url === undefined ? [] : passedOver(new URLSearchParams(url.split('?')[1] ?? ''));
}
