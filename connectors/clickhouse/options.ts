import { serverAddress, type Tls } from 'hookline/plugin';
import { z } from 'zod';

const server = serverAddress({
  example: 'https://user:password@host:8443/database',
  protocols: ['https', 'http'],
  port: 8443,
  required: ['host'],
});

const { url, port, user, database, ssl } = server.options;

export const config = z
  .object({
    ...server.options,
    url: url.describe('https://user:password@host:8443/database: its HTTP interface'),
    port: port.describe('8443 unless set, or 8123 without ssl'),
    user: user.describe('The user; default unless set'),
    database: database.describe('The database of its tables; default unless set'),
    ssl: ssl.describe(
      'true: TLS with a certificate that is verified, as an https url asks for; or a mapping that says how',
    ),
    engine: z
      .string()
      .min(1)
      .default('MergeTree')
      .describe(
        "The engine of a table that is made, such as ReplicatedMergeTree('/clickhouse/{table}', '{replica}'); {table} is its name",
      ),
  })
  .superRefine((options, context) => {
    server.complete(options, context);
    const secure = options.url?.startsWith('https:');
    const encrypted = options.ssl === undefined ? secure : options.ssl !== false;
    if (secure !== undefined && secure !== encrypted) {
      const message = `the url begins with ${secure ? 'https' : 'http'}://, which says otherwise`;
      context.addIssue({ code: 'custom', path: ['ssl'], message, input: undefined });
    }
  });

export type ClickhouseOptions = z.output<typeof config>;

/** Where the server is and who asks, in the words of its client. */
export interface Address {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** `undefined` for what the url alone says. */
  readonly tls: Tls | undefined;
}

export function addressOf(options: ClickhouseOptions): Address {
  const { host, user, password = '', database, tls } = server.addressOf(options);
  return {
    url:
      options.url === undefined
        ? originOf(host, options.port, tls !== undefined)
        : new URL(options.url).origin,
    username: user || 'default',
    password,
    database: database || 'default',
    tls,
  };
}

function originOf(host: string, port: number | undefined, secure: boolean): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return secure ? `https://${name}:${port ?? 8443}` : `http://${name}:${port ?? 8123}`;
}
