import { type Pem, pemOf, type Tls } from '../../core/index.js';

const modes: readonly string[] = ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify'];

const on: readonly string[] = ['true', '1'];
const off: readonly string[] = ['false', '0'];

/** What is wrong with what a url asks of TLS: nothing that asks for it may end in plain text. */
export function tlsFault(asked: URLSearchParams): string | undefined {
  const [mode, ssl, root] = [asked.get('sslmode'), asked.get('ssl'), asked.get('sslrootcert')];
  if (mode !== null && !modes.includes(mode)) return `sslmode is one of ${modes.join(', ')}`;
  if (ssl !== null && ![...on, ...off].includes(ssl))
    return 'ssl in the url is true or false; sslmode says more';
  if (ssl !== null && mode !== null && on.includes(ssl) === (mode === 'disable')) {
    return 'ssl and sslmode in the url say opposite things: leave ssl out';
  }
  if (root === 'system' && mode !== null && mode !== 'verify-full') {
    return 'sslrootcert=system wants sslmode=verify-full';
  }
  const isSaid = mode !== null || ssl !== null || root !== null;
  if (!isSaid && (asked.has('sslcert') || asked.has('sslkey'))) {
    return 'sslcert and sslkey in the url want an sslmode, such as verify-full';
  }
  if (asked.get('channel_binding') === 'require' && tlsOfUrl(asked) === undefined) {
    return 'channel_binding=require in the url wants TLS: add sslmode=verify-full';
  }
  return undefined;
}

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
      // As libpq has it, `system` alone is verify-full.
      if (on.includes(asked.get('ssl') ?? '') || asked.has('sslrootcert')) return { verify: 'all', ...files };
      return undefined;
  }
}

function fileOf(value: string | null): Pem | undefined {
  if (value === null || value === '' || value === 'system') return undefined;
  return pemOf(value) ?? { file: value };
}
