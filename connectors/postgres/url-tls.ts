import { type Pem, pemOf, type Tls } from '../../core/index.js';

export const modes: readonly string[] = ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/**
 * The TLS that a url's parameters ask for. As libpq has it: `require` encrypts and verifies only when there
 * is a `sslrootcert`. https://www.postgresql.org/docs/current/libpq-ssl.html
 */
export function tlsOfUrl(asked: URLSearchParams): Tls | undefined {
  const files = {
    ca: fileOf(asked.get('sslrootcert')),
    cert: fileOf(asked.get('sslcert')),
    key: fileOf(asked.get('sslkey')),
  };
  switch (asked.get('sslmode')) {
    case 'disable':
      return undefined;
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
      return undefined;
  }
}

function fileOf(value: string | null): Pem | undefined {
  if (value === null || value === '' || value === 'system') return undefined;
  return pemOf(value) ?? { file: value };
}
