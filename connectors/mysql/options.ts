import { path, secret } from 'hookline/plugin';
import { z } from 'zod';

const example = 'mysql://user:password@host:3306/database';

const files = z.strictObject({
  rejectUnauthorized: z.boolean().default(true).describe("Whether the server's certificate is verified"),
  ca: path().optional().describe('The file of who may sign it, in PEM'),
  cert: path().optional().describe("The file of the user's certificate, in PEM"),
  key: path().optional().describe('The file of its key, in PEM'),
});

export const config = z
  .object({
    url: z
      .string()
      .superRefine((value, context) => {
        const message = faultOf(value);
        // The message must not repeat the URL: there is a password in it.
        if (message !== undefined) context.addIssue({ code: 'custom', message, input: undefined });
      })
      .optional()
      .meta({ secret: true, description: example }),
    host: z.string().min(1).optional().describe('A host name or an address; localhost unless set'),
    port: z.int().min(1).max(65_535).optional().describe('3306 unless set'),
    user: z.string().min(1).optional().describe('The user; required without a url'),
    password: secret().optional().describe("The user's password"),
    database: z.string().min(1).optional().describe('The database of its tables; required without a url'),
    ssl: z
      .union([z.boolean(), files])
      .default(false)
      .describe('true: TLS with a certificate that is verified; or the files for it'),
    ledger: z.string().default('__hookline_batches').describe('The table of landed batches'),
  })
  .superRefine((options, context) => {
    const issue = (name: string, message: string) =>
      context.addIssue({ code: 'custom', path: [name], message, input: undefined });
    if (options.url === undefined) {
      if (options.user === undefined || options.database === undefined) {
        issue('url', 'expected url, or else host, user, password and database');
      }
      return;
    }
    for (const name of ['host', 'port', 'user', 'password', 'database'] as const) {
      if (options[name] !== undefined) issue(name, 'is part of the url already: give the one or the other');
    }
  });

export type MysqlOptions = z.output<typeof config>;

/** Where the server is and who asks. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** From the url or from its parts. */
export function addressOf(options: MysqlOptions): Address {
  if (options.url === undefined) {
    const { host = 'localhost', port = 3306, user = '', password = '', database = '' } = options;
    return { host, port, user, password, database };
  }
  const url = new URL(options.url);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
  };
}

function faultOf(value: string): string | undefined {
  if (!URL.canParse(value)) {
    return `expected a URL such as ${example}; special characters in the password are percent-encoded`;
  }
  const url = new URL(value);
  if (!['mysql:', 'mariadb:'].includes(url.protocol)) return 'expected a URL that begins with mysql://';
  if (url.search !== '') return 'the url takes no parameters: use the option ssl';
  if (url.hostname === '' || url.username === '' || url.pathname.length < 2) {
    return `expected host, user and database in it, as in ${example}`;
  }
  try {
    decodeURIComponent(url.username + url.password + url.pathname);
  } catch {
    return 'a % in the user, the password or the database is written %25';
  }
  return undefined;
}
