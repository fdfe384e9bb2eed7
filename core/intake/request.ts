import { hash } from 'node:crypto';
import { type SenderId, senderId } from '../contract/sender.js';
import { Recent } from './recent.js';

/** What a sender says of itself in the URL or in `Authorization`. Source: `protocol.md`, "The request". */
export interface Credentials {
  /** Decimal digits in canonical form. */
  readonly pipeline: string;
  /** A UUID in lower case. */
  readonly key: string;
  /** SHA-256 of the token; the token itself is not kept. */
  readonly tokenDigest: Uint8Array;
  readonly sender: SenderId;
}

/**
 * Stands for the token's digest where a signature vouched for the sender, who gave no token. No token has
 * it: nothing is known whose SHA-256 is zero.
 */
export const vouched: Uint8Array = new Uint8Array(32);

const parameters = ['pipeline_id', 'key', 'token'] as const;
type Parameter = (typeof parameters)[number];

/** The codes of the 400 answers, in the protocol's words. */
export type RefusalCode =
  | 'NO_PARAMETERS_PROVIDED'
  | 'NO_BODY_PROVIDED'
  | 'INVALID_SIGNATURE'
  | `MISSING_PARAMETER: ${Parameter}`
  | `INVALID_PARAMETER: ${Parameter | 'body' | 'hub.verify_token' | 'hub.challenge'}`;

/** Given twice with different values, or with a broken percent-encoding: of no form. */
const malformed = Symbol('malformed');
type Values = { [P in Parameter]?: string | typeof malformed };

const forms: Readonly<Record<Parameter, (value: string) => boolean>> = {
  pipeline_id: (value) => /^[1-9][0-9]{0,15}$/.test(value) && Number(value) <= Number.MAX_SAFE_INTEGER,
  key: (value) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value),
  token: (value) => /^[0-9A-Za-z]{1,256}$/.test(value),
};

/** A sender says the same each time, and to hash its token costs more than all the rest. */
const recent = new Recent<Credentials>(1000);
/** By what follows the pipeline, where a query begins with that: whoever sends to many says it of each. */
const recentSenders = new Recent<Credentials>(1000);
const longestRecent = 512;
const pipelineFirst = 'pipeline_id=';

/**
 * Reads the credentials of a request.
 * @param query what follows the first `?` of the URL; empty when there is nothing
 * @param authorization the header's value, if there is one
 */
export function readCredentials(query: string, authorization?: string): Credentials | RefusalCode {
  if (authorization !== undefined || query.length > longestRecent) return parse(query, authorization);
  const end = query.startsWith(pipelineFirst) ? query.indexOf('&') : -1;
  if (end < 0) return recent.get(query) ?? remembered(recent, query, parse(query));
  const rest = query.slice(end);
  const pipeline = query.slice(pipelineFirst.length, end);
  const known = recentSenders.get(rest);
  if (known !== undefined && pipeline === known.pipeline) return known;
  if (known !== undefined && forms.pipeline_id(pipeline)) return { ...known, pipeline };
  const credentials = parse(query);
  // Not where the rest says anything more of the pipeline, in whatever spelling, or the pipeline's part of the rest.
  const isApart = forms.pipeline_id(pipeline) && !/pipeline|%/.test(rest);
  return isApart ? remembered(recentSenders, rest, credentials) : credentials;
}

function remembered(
  where: Recent<Credentials>,
  name: string,
  credentials: Credentials | RefusalCode,
): Credentials | RefusalCode {
  if (typeof credentials !== 'string') where.set(name, credentials);
  return credentials;
}

/** What a request says of its pipeline, whatever else is wrong with it. */
export function namedPipeline(query: string): string {
  const { pipeline_id } = readQuery(query);
  return typeof pipeline_id === 'string' ? pipeline_id : '';
}

/** The pipeline of a request that has neither key nor token, if it names one; whether there is one is not checked. */
export function readPipeline(query: string, authorization?: string): string | undefined {
  const values = readQuery(query);
  if (authorization !== undefined) addBasic(values, authorization);
  const { pipeline_id, key, token } = values;
  return typeof pipeline_id === 'string' && !key && !token ? pipeline_id : undefined;
}

function parse(query: string, authorization?: string): Credentials | RefusalCode {
  if (query === '' && authorization === undefined) return 'NO_PARAMETERS_PROVIDED';
  const values = readQuery(query);
  if (authorization !== undefined) addBasic(values, authorization);
  for (const name of parameters) if (!values[name]) return `MISSING_PARAMETER: ${name}`;
  for (const name of parameters) {
    const value = values[name];
    if (typeof value !== 'string' || !forms[name](value)) return `INVALID_PARAMETER: ${name}`;
  }
  const { pipeline_id, key, token } = values as Record<Parameter, string>;
  const tokenDigest = digestOf(token);
  const name = key.toLowerCase();
  return { pipeline: pipeline_id, key: name, tokenDigest, sender: senderId(name, tokenDigest) };
}

/** SHA-256 of a token's characters; 32 bytes. */
export function digestOf(token: string): Uint8Array {
  return hash('sha256', token, 'buffer');
}

function readQuery(query: string): Values {
  const values: Values = {};
  for (const pair of query.split('&')) addPair(values, pair);
  return values;
}

function addPair(values: Values, pair: string): void {
  const equals = pair.indexOf('=');
  const written = decode(equals < 0 ? pair : pair.slice(0, equals));
  // Whoever copies a URL out of a page's source has `&amp;` for `&`.
  const name = typeof written === 'string' && written.startsWith('amp;') ? written.slice(4) : written;
  if (name !== 'pipeline_id' && name !== 'key' && name !== 'token') return;
  const text = equals < 0 ? '' : pair.slice(equals + 1);
  // Some tools append their own parameters with a fixed `?`, and no value of ours may hold one.
  const mark = text.indexOf('?');
  const value = decode(mark < 0 ? text : text.slice(0, mark));
  const before = values[name];
  values[name] = before === undefined || before === value ? value : malformed;
  if (mark >= 0) addPair(values, text.slice(mark + 1));
}

/** The header fills what the URL leaves out; where both are there, the URL counts. */
function addBasic(values: Values, authorization: string): void {
  const encoded = /^basic +([A-Za-z0-9+/_=-]+) *$/i.exec(authorization)?.[1];
  if (encoded === undefined) return;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  values.key ||= colon < 0 ? text : text.slice(0, colon);
  values.token ||= colon < 0 ? '' : text.slice(colon + 1);
}

function decode(text: string): string | typeof malformed {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return malformed;
  }
}
