import { z } from 'zod';
import { secret } from './options.js';
import { type Tls, tls, tlsOf } from './tls.js';

/** Where a server is and who asks. */
export interface ServerAddress {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** '' where none is given, as with `database`. */
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  /** `undefined` for a connection that is not encrypted. */
  readonly tls: Tls | undefined;
}

type Part = 'host' | 'port' | 'user' | 'password' | 'database';
const parts: readonly Part[] = ['host', 'port', 'user', 'password', 'database'];

/** How people say where a server of some kind is. */
export interface ServerKind {
  /** A whole url, for messages and the reference: `mysql://user:password@host:3306/database`. */
  readonly example: string;
  /** What a url may begin with: `['mysql', 'mariadb']`. */
  readonly protocols: readonly string[];
  /** The port where none is given. */
  readonly port: number;
  /** What must be given, in the url or beside it. */
  readonly required: readonly ('host' | 'user' | 'database')[];
  /** What may stand behind the `?` of a url; nothing unless set. */
  readonly parameters?: {
    /** What is wrong with them. It must not repeat a value: that may be a password. */
    fault(parameters: URLSearchParams): string | undefined;
    /** The address with what they say. */
    apply(address: ServerAddress, parameters: URLSearchParams): ServerAddress;
  };
}

/**
 * The options of a server-backed warehouse: a `url`, or else its parts, and `ssl`. Spread `options` into
 * the plugin's `config`, refine that by `complete`, and read the outcome by `addressOf`:
 *
 * ```ts
 * const server = serverAddress({ example, protocols: ['mysql'], port: 3306, required: ['user', 'database'] });
 * const config = z.object({ ...server.options, ledger: z.string() }).superRefine(server.complete);
 * ```
 */
export function serverAddress(kind: ServerKind) {
  const needed = (part: ServerKind['required'][number]) =>
    kind.required.includes(part) ? '; required without a url' : '';
  const options = {
    url: z
      .string()
      .superRefine((value, context) => {
        const message = faultOf(kind, value);
        // The message must not repeat the URL: there is a password in it.
        if (message !== undefined) context.addIssue({ code: 'custom', message, input: undefined });
      })
      .optional()
      .meta({ secret: true, description: kind.example }),
    host: z
      .string()
      .min(1)
      .optional()
      .describe(`A host name or an address${needed('host') || '; localhost unless set'}`),
    port: z.int().min(1).max(65_535).optional().describe(`${kind.port} unless set`),
    user: z
      .string()
      .min(1)
      .optional()
      .describe(`The user${needed('user')}`),
    password: secret().optional().describe("The user's password"),
    database: z
      .string()
      .min(1)
      .optional()
      .describe(`The database of its tables${needed('database')}`),
    ssl: tls()
      .optional()
      .describe('true: TLS with a certificate that is verified; or a mapping that says how'),
  };

  /** A refinement: the url or its parts, not both, and enough of either. */
  const complete = (given: ServerOptions, context: z.core.$RefinementCtx): void => {
    const issue = (name: string, message: string) =>
      context.addIssue({ code: 'custom', path: [name], message, input: undefined });
    if (given.url !== undefined) {
      for (const name of parts) {
        if (given[name] !== undefined) issue(name, 'is part of the url already: give the one or the other');
      }
    } else if (kind.required.some((name) => given[name] === undefined)) {
      issue('url', 'expected url, or else host, user, password and database');
    }
  };

  /** Pure: reads no file and no environment variable. */
  const addressOf = (given: ServerOptions): ServerAddress => {
    const { url, ssl, host = 'localhost', port = kind.port, user = '', password, database = '' } = given;
    const parsed = url === undefined ? undefined : parseUrl(url);
    if (parsed === undefined) return { host, port, user, password, database, tls: tlsOf(ssl) };
    const address = inUrl(kind, parsed);
    return ssl === undefined ? address : { ...address, tls: tlsOf(ssl) };
  };

  return { options, complete, addressOf };
}

/** What `serverAddress` declares, once it is parsed. */
export interface ServerOptions {
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly database?: string | undefined;
  readonly ssl?: z.output<ReturnType<typeof tls>> | undefined;
}

function inUrl(kind: ServerKind, url: URL): ServerAddress {
  const address = {
    host: decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1') || 'localhost',
    port: Number(url.port || kind.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password) || undefined,
    database: decodeURIComponent(url.pathname.slice(1)),
    tls: undefined,
  };
  return kind.parameters?.apply(address, parametersOf(url)) ?? address;
}

function faultOf(kind: ServerKind, value: string): string | undefined {
  const { example, protocols, required, parameters } = kind;
  const url = parseUrl(value);
  if (url === undefined) {
    return `expected a URL such as ${example}; special characters in the password are percent-encoded`;
  }
  if (!protocols.includes(url.protocol.slice(0, -1))) {
    return `expected a URL that begins with ${protocols.map((each) => `${each}://`).join(' or ')}`;
  }
  const fault = parameters?.fault(parametersOf(url));
  if (fault !== undefined) return fault;
  if (parameters === undefined && url.search !== '') return 'the url takes no parameters: use the option ssl';
  try {
    const address = inUrl(kind, url);
    if (address.host.includes(',')) return 'expected one host: the name under which the primary is found';
    const missing = required.filter((part) => address[part] === '');
    if (missing.length > 0) return `expected ${missing.join(' and ')} in it, as in ${example}`;
  } catch {
    return 'a % in the user, the password or the database is written %25';
  }
  return undefined;
}

/** A plus is a plus, and no blank as in a form. */
function parametersOf(url: URL): URLSearchParams {
  return new URLSearchParams(url.search.replaceAll('+', '%2B'));
}

/** A user without a host, as libpq allows it for sockets, is no URL to others. */
function parseUrl(value: string): URL | undefined {
  const whole = value.replace('@/', '@localhost/');
  return URL.canParse(whole) ? new URL(whole) : undefined;
}
