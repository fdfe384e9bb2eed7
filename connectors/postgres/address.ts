import { readFile } from 'node:fs/promises';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { ConfigError } from '../../core/index.js';
import { type ConnectionOptions, isPem, type Pem, parseUrl } from './options.js';

/** Where the server is and who asks, from the url or from its parts. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly ssl: Tls | false;
}

/** TLS with its files not yet read. */
export interface Tls {
  /** `chain` verifies who signed the certificate and not whose name it bears. */
  readonly verify: 'nothing' | 'chain' | 'all';
  readonly ca?: Pem | undefined;
  readonly cert?: Pem | undefined;
  readonly key?: Pem | undefined;
  readonly servername?: string | undefined;
}

/** Pure: reads no file and no environment variable. */
export function addressOf(options: ConnectionOptions): Address {
  const url = options.url === undefined ? undefined : parseUrl(options.url);
  if (url === undefined) {
    const user = options.user ?? '';
    return {
      host: options.host ?? 'localhost',
      port: options.port ?? 5432,
      user,
      password: options.password,
      database: options.database ?? user,
      ssl: tlsOf(options.ssl),
    };
  }
  const asked = url.searchParams;
  const user = asked.get('user') ?? decodeURIComponent(url.username);
  const password = asked.get('password') ?? decodeURIComponent(url.password);
  return {
    host: asked.get('host') ?? (decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1') || 'localhost'),
    port: Number(asked.get('port') ?? (url.port || 5432)),
    user,
    password: password === '' ? undefined : password,
    database: asked.get('dbname') ?? (decodeURIComponent(url.pathname.slice(1)) || user),
    ssl: options.ssl === undefined ? tlsOfUrl(asked) : tlsOf(options.ssl),
  };
}

function tlsOf(ssl: ConnectionOptions['ssl']): Tls | false {
  if (ssl === undefined || ssl === false) return false;
  if (ssl === true) return { verify: 'all' };
  const { rejectUnauthorized, ...files } = ssl;
  return { verify: rejectUnauthorized ? 'all' : 'nothing', ...files };
}

/**
 * As libpq has it: `require` encrypts and verifies only when there is a `sslrootcert`.
 * https://www.postgresql.org/docs/current/libpq-ssl.html
 */
function tlsOfUrl(asked: URLSearchParams): Tls | false {
  const mode = asked.get('sslmode');
  const files = {
    ca: fileOf(asked.get('sslrootcert')),
    cert: fileOf(asked.get('sslcert')),
    key: fileOf(asked.get('sslkey')),
  };
  switch (mode) {
    case 'disable':
      return false;
    case 'verify-full':
      return { verify: 'all', ...files };
    case 'verify-ca':
      return { verify: 'chain', ...files };
    case 'require':
      return { verify: files.ca === undefined ? 'nothing' : 'chain', ...files };
    case 'no-verify':
      return { verify: 'nothing', ...files };
    default:
      if (asked.get('ssl') === 'true' || files.ca !== undefined) return { verify: 'all', ...files };
      return false;
  }
}

function fileOf(value: string | null): Pem | undefined {
  if (value === null || value === '' || value === 'system') return undefined;
  return isPem(value) ? { text: value } : { file: value };
}

/** Reads the files; called for each new connection, so that a renewed certificate is picked up. */
export async function readTls(tls: Tls): Promise<TlsOptions> {
  const options: TlsOptions = { rejectUnauthorized: tls.verify !== 'nothing' };
  if (tls.verify === 'chain') options.checkServerIdentity = () => undefined;
  for (const name of ['ca', 'cert', 'key'] as const) {
    const pem = tls[name];
    if (pem !== undefined) options[name] = await readPem(pem, name);
  }
  if (tls.servername !== undefined) options.servername = tls.servername;
  return options;
}

async function readPem(pem: Pem, name: string): Promise<string> {
  if ('text' in pem) return pem.text;
  try {
    return await readFile(pem.file, 'utf8');
  } catch (error) {
    throw new ConfigError(`ssl.${name} cannot be read from ${pem.file}`, { cause: error });
  }
}
