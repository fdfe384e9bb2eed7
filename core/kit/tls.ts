import { readFile } from 'node:fs/promises';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import { z } from 'zod';
import { ConfigError } from '../contract/errors.js';
import { path } from './options.js';

/** A certificate or key: its PEM text, or the absolute path of a file that holds it. */
export type Pem = { readonly text: string } | { readonly file: string };

/** TLS to a server, its files not yet read. */
export interface Tls {
  /** `chain` verifies who signed the server's certificate and not whose name it bears. */
  readonly verify: 'nothing' | 'chain' | 'all';
  /** Who may sign it, in place of those that the system trusts. */
  readonly ca?: Pem | undefined;
  /** The user's own certificate and its key. */
  readonly cert?: Pem | undefined;
  readonly key?: Pem | undefined;
  /** The name in the server's certificate, where it is not the host. */
  readonly servername?: string | undefined;
}

/** An option that is a PEM text, or the path of a file; a relative one is relative to the YAML file. */
export function pem() {
  return z
    .string()
    .min(1)
    .transform((value): Pem => pemOf(value) ?? { file: path().parse(value) });
}

/** The option `ssl`: `true`, or a mapping that says how. `tlsOf` says what it means. */
export function tls() {
  return z.union([
    z.boolean(),
    z.strictObject({
      rejectUnauthorized: z.boolean().default(true).describe("Whether the server's certificate is verified"),
      verifyIdentity: z.boolean().default(true).describe("Whether the host's name must be in it"),
      ca: pem().optional().describe('Who may sign it: PEM text, or the path of a file'),
      cert: pem().optional().describe("The user's certificate: PEM text, or the path of a file"),
      key: pem().optional().meta({ secret: true, description: 'Its key: PEM text, or the path of a file' }),
      servername: z
        .string()
        .min(1)
        .optional()
        .describe("The name in the server's certificate; the host unless set"),
    }),
  ]);
}

/** What the option says; `undefined` for no TLS. */
export function tlsOf(ssl: z.output<ReturnType<typeof tls>> | undefined): Tls | undefined {
  if (ssl === undefined || ssl === false) return undefined;
  if (ssl === true) return { verify: 'all' };
  const { rejectUnauthorized, verifyIdentity, ...files } = ssl;
  return { verify: rejectUnauthorized ? (verifyIdentity ? 'all' : 'chain') : 'nothing', ...files };
}

/** The text itself when it is PEM. */
export function pemOf(value: string): { readonly text: string } | undefined {
  return value.includes('-----BEGIN ') ? { text: value } : undefined;
}

/**
 * The options of `node:tls`, with the files read: call it for each new connection, so that a renewed
 * certificate is picked up.
 * @throws ConfigError when a file cannot be read
 */
export async function readTls({ verify, servername, ...files }: Tls): Promise<ConnectionOptions> {
  const options: ConnectionOptions = { rejectUnauthorized: verify !== 'nothing' };
  for (const name of ['ca', 'cert', 'key'] as const) {
    const pem = files[name];
    if (pem !== undefined) options[name] = await readPem(pem, name);
  }
  if (servername !== undefined) {
    options.servername = servername;
    // Some drivers put the host in its place.
    options.checkServerIdentity = (_, certificate) => checkServerIdentity(servername, certificate);
  }
  if (verify === 'chain') options.checkServerIdentity = () => undefined;
  return options;
}

/** Whether a code is Node's for a certificate that is not to be trusted, or OpenSSL's for a TLS that fails. */
export function isTlsCode(code: string): boolean {
  return tlsCode.test(code);
}

const tlsCode =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/;

async function readPem(pem: Pem, name: string): Promise<string> {
  if ('text' in pem) return pem.text;
  try {
    return await readFile(pem.file, 'utf8');
  } catch (error) {
    throw new ConfigError(`ssl.${name} cannot be read from ${pem.file}`, { cause: error });
  }
}
