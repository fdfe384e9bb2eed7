import { nearest } from '../../core/host/registry.js';

/**
 * - `honoured`: does here what it does for libpq
 * - `harmless`: changes nothing that is promised; said in a warning
 * - `refused`: asks for what is not done here, so nobody may believe that it is
 */
type Meaning =
  | { readonly kind: 'honoured' }
  | { readonly kind: 'harmless'; readonly only?: readonly string[]; readonly otherwise?: string }
  | { readonly kind: 'refused'; readonly instead: string };

const honoured: Meaning = { kind: 'honoured' };
const harmless: Meaning = { kind: 'harmless' };
/** Harmless with these values alone. @param otherwise what to do about others */
const harmlessAs = (only: readonly string[], otherwise: string): Meaning => ({
  kind: 'harmless',
  only,
  otherwise,
});
const refused = (instead: string): Meaning => ({ kind: 'refused', instead });
const primary = 'rows can only be written to a primary';
const encrypted = 'use sslmode';
const asOptions = 'give host, user and password here';

/** What libpq means by each parameter. https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS */
export const meanings: Readonly<Record<string, Meaning>> = {
  host: honoured,
  port: honoured,
  user: honoured,
  password: honoured,
  dbname: honoured,
  sslmode: honoured,
  sslrootcert: honoured,
  sslcert: honoured,
  sslkey: honoured,
  // Not libpq's, but that of `pg` and of JDBC.
  ssl: honoured,

  application_name: harmless,
  fallback_application_name: harmless,
  connect_timeout: harmless,
  client_encoding: harmlessAs(['UTF8', 'utf8', 'UTF-8', 'utf-8', 'auto'], 'it is always UTF8'),
  keepalives: harmless,
  keepalives_idle: harmless,
  keepalives_interval: harmless,
  keepalives_count: harmless,
  tcp_user_timeout: harmless,
  target_session_attrs: harmlessAs(['any', 'read-write', 'primary', 'prefer-standby'], primary),
  load_balance_hosts: harmless,
  sslcompression: harmless,
  sslsni: harmless,
  sslnegotiation: harmlessAs(['postgres'], 'leave it out'),
  sslcertmode: harmlessAs(
    ['allow', 'disable'],
    'leave it out: sslcert and sslkey are shown where the server asks',
  ),
  ssl_min_protocol_version: harmlessAs(['TLSv1', 'TLSv1.1', 'TLSv1.2'], 'TLS 1.2 and newer are spoken'),
  ssl_max_protocol_version: harmless,
  gssencmode: harmlessAs(['disable', 'prefer'], encrypted),
  gssdelegation: harmlessAs(['0'], 'GSSAPI is not spoken'),
  krbsrvname: harmless,
  gsslib: harmless,
  // Hosters hand it out; TLS with a certificate that is verified gives what it is for.
  channel_binding: harmlessAs(['disable', 'prefer', 'require'], 'leave it out'),
  min_protocol_version: harmless,
  max_protocol_version: harmless,
  uselibpqcompat: harmless,

  hostaddr: refused('give it as the host, and the name of its certificate as ssl: { servername }'),
  passfile: refused(asOptions),
  service: refused(asOptions),
  servicefile: refused(asOptions),
  options: refused('use the option schema for a search_path; set others for the role, by ALTER ROLE … SET'),
  replication: refused('leave it out'),
  requirepeer: refused('leave it out: the owner of a Unix socket is not looked at'),
  require_auth: refused('leave it out: which way of authentication the server asks for is not looked at'),
  sslcrl: refused('leave it out: lists of revoked certificates are not looked at'),
  sslcrldir: refused('leave it out: lists of revoked certificates are not looked at'),
  sslpassword: refused('give a key without a password of its own'),
  sslkeylogfile: refused('leave it out'),
  schema: refused('use the option schema beside the url'),
};

/** What is wrong with a url's parameters; a name is shown, and no value: that may be a password. */
export function faultOf(asked: URLSearchParams): string | undefined {
  const names = [...asked.keys()];
  for (const name of names) {
    const meaning = meanings[name];
    if (meaning === undefined) return unknown(name);
    if (asked.getAll(name).length > 1) return `${name} is given twice in the url`;
    if (meaning.kind === 'refused') return `${name} in the url is not honoured: ${meaning.instead}`;
    if (meaning.kind === 'harmless' && !isHarmless(meaning, asked.get(name) ?? '')) {
      return `this ${name} in the url is not honoured: ${meaning.otherwise}`;
    }
  }
  const port = asked.get('port');
  if (port !== null && !/^\d{1,5}$/.test(port)) return 'port in the url is one number';
  return undefined;
}

/** A line for each parameter that is passed over. */
export function passedOver(asked: URLSearchParams): string[] {
  const names = [...asked.keys()].filter((name) => meanings[name]?.kind === 'harmless');
  return names.map((name) => `${name} in the url is passed over: it changes nothing here`);
}

function isHarmless({ only }: Extract<Meaning, { kind: 'harmless' }>, value: string): boolean {
  return only === undefined || only.includes(value);
}

function unknown(name: string): string {
  const known = Object.keys(meanings).filter((each) => meanings[each]?.kind !== 'refused');
  const meant = nearest(name.toLowerCase().replaceAll(/[^a-z]/g, ''), known) ?? nearest(name, known);
  const hint = meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${meant}?`;
  return `the url has a parameter that is not known, ${JSON.stringify(name)}: ${hint}`;
}
