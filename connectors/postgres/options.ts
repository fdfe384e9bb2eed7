import { z } from 'zod';
import { path, secret } from '../../core/index.js';

/** A certificate or key: its PEM text, or the path of a file that holds it, read anew for each connection. */
export type Pem = { readonly text: string } | { readonly file: string };

function pem() {
  return z
    .string()
    .min(1)
    .transform((value): Pem => (isPem(value) ? { text: value } : { file: path().parse(value) }));
}

export function isPem(value: string): boolean {
  return value.includes('-----BEGIN ');
}

const protocols = ['postgres:', 'postgresql:'];
const modes = ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify'];

function postgresUrl() {
  return z
    .string()
    .superRefine((value, context) => {
      const fault = faultOf(value);
      // The message must not repeat the URL: there is a password in it.
      if (fault !== undefined) context.addIssue({ code: 'custom', message: fault, input: undefined });
    })
    .meta({ secret: true, description: 'postgres://user:password@host:5432/database?sslmode=verify-full' });
}

function faultOf(value: string): string | undefined {
  const url = parseUrl(value);
  if (url === undefined) {
    return 'expected a URL such as postgres://user:password@host:5432/database; special characters in the password are percent-encoded';
  }
  if (!protocols.includes(url.protocol)) return 'expected a URL that begins with postgres://';
  const mode = url.searchParams.get('sslmode');
  if (mode !== null && !modes.includes(mode)) return `sslmode is one of ${modes.join(', ')}`;
  try {
    decodeURIComponent(url.username + url.password + url.pathname);
  } catch {
    return 'a % in the user, the password or the database is written %25';
  }
  return undefined;
}

/** How to reach the server; the destination and the token store share it. */
export const connectionOptions = {
  url: postgresUrl().optional(),
  host: z
    .string()
    .min(1)
    .optional()
    .describe('A host name, an address, or the folder of a Unix socket; localhost unless set'),
  port: z.int().min(1).max(65_535).optional().describe('5432 unless set'),
  user: z.string().min(1).optional().describe('The role; required without a url'),
  password: secret().optional().describe("The role's password"),
  database: z.string().min(1).optional().describe("The user's name unless set"),
  ssl: z
    .union([
      z.boolean(),
      z.strictObject({
        rejectUnauthorized: z
          .boolean()
          .default(true)
          .describe("Whether the server's certificate is verified"),
        ca: pem().optional().describe('Who may sign it: PEM text, or the path of a file'),
        cert: pem().optional().describe("The role's certificate: PEM text, or the path of a file"),
        key: pem().optional().meta({ secret: true, description: 'Its key: PEM text, or the path of a file' }),
        servername: z
          .string()
          .min(1)
          .optional()
          .describe("The name in the server's certificate; the host unless set"),
      }),
    ])
    .optional()
    .describe('true: TLS with a certificate that is verified; sslmode in the url says the same and more'),
  schema: z.string().default('public').describe('The schema of its tables; it must be there'),
  connections: z.int().min(1).max(100).default(4).describe('The most connections at once'),
  applicationName: z.string().default('hookline').describe('Shown in pg_stat_activity'),
};

/** A user without a host, as libpq allows it for sockets, is no URL to others. */
export function parseUrl(value: string): URL | undefined {
  const whole = value.replace('@/', '@localhost/');
  return URL.canParse(whole) ? new URL(whole) : undefined;
}

const connection = z.object(connectionOptions);
export type ConnectionOptions = z.output<typeof connection>;

/** A refinement: the url or its parts, not both, and enough of either. */
export function urlOrParts(
  options: Pick<ConnectionOptions, 'url' | 'host' | 'port' | 'user' | 'password' | 'database'>,
  context: z.core.$RefinementCtx,
): void {
  const parts = (['host', 'port', 'user', 'password', 'database'] as const).filter(
    (name) => options[name] !== undefined,
  );
  const issue = (name: string, message: string) =>
    context.addIssue({ code: 'custom', path: [name], message, input: undefined });
  if (options.url !== undefined) {
    for (const name of parts) issue(name, 'is part of the url already: give the one or the other');
  } else if (options.user === undefined) {
    issue('url', 'expected url, or else host, user, password and database');
  }
}
