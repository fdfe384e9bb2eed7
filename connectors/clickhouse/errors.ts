import {
  ConfigError,
  instructionOf,
  isTlsCode,
  messageOf,
  PermanentError,
  RetryableError,
} from 'hookline/plugin';

/**
 * What an expression of the user's own, a DEFAULT, a CHECK or a materialized view, says of a value that it
 * cannot parse, convert or calculate with.
 */
const ofValues = [6, 26, 27, 32, 38, 41, 53, 69, 70, 72, 117, 131, 153, 349, 376, 407, 675, 676];

/**
 * What is neither the connection's fault nor the server's, by number; all the rest is retried.
 * https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
 */
const verdicts: Readonly<Record<number, 'config' | 'permanent'>> = {
  ...Object.fromEntries(ofValues.map((code) => [code, 'permanent' as const])),
  16: 'config', // no such column in the table
  36: 'config', // bad arguments, of the option engine say
  42: 'config',
  47: 'config', // unknown identifier
  48: 'config', // not implemented: an engine that takes no INSERT
  56: 'config', // no such engine
  60: 'config', // no such table
  62: 'config', // syntax, of the option engine
  79: 'config', // a name that makes no file name
  81: 'config', // no such database
  115: 'config', // a setting that the server does not know
  164: 'config', // the user is read-only
  192: 'config', // no such user
  193: 'config', // wrong password
  194: 'config', // a password is required
  195: 'config', // not from this address
  225: 'config', // a replicated engine without a Keeper
  291: 'config', // not this database
  395: 'permanent', // an expression of the user's own threw
  452: 'config', // a setting that the user may not set
  469: 'permanent', // a CHECK of the user's own
  497: 'config', // a grant is missing
  516: 'config', // user or password are wrong
};

const advice: Readonly<Record<string, string>> = {
  81: 'create the database, or correct its name',
  164: 'the user is read-only: give it another profile',
  193: 'check user and password',
  225: 'set up ClickHouse Keeper, or take another engine',
  242: 'the table is read-only: does it reach its Keeper?',
  252: 'its merges do not keep up: raise flush.every',
  497: 'grant the user SELECT, INSERT and CREATE TABLE on the database',
  516: 'check user and password',
  ECONNREFUSED: 'is the server running, and are host and port right?',
  ENOTFOUND: 'no such host: check its name, or the DNS',
};

/**
 * The instruction that whatever the client throws amounts to.
 * @param about `rows` of a statement that has rows in it: the server quotes them in errors of any number, so
 *   neither its text nor the error itself is passed on
 */
export function instructed(error: unknown, doing: string, about: 'rows' | 'names' = 'names'): unknown {
  if (instructionOf(error) !== undefined) return error;
  const code = codeOf(error);
  const hint = advice[code];
  const after = hint === undefined ? '' : `; ${hint}`;
  const verdict = isTlsCode(code) ? 'config' : verdicts[Number(code)];
  if (verdict === 'permanent') {
    return new PermanentError(`${doing}: the server refuses a row (${named(code, error)})${after}`, { code });
  }
  const quoting = about === 'rows' && Number(code) > 0;
  const what = quoting ? `the server refuses (${named(code, error)})` : `${messageOf(error)} (${code})`;
  const Kind = verdict === 'config' ? ConfigError : RetryableError;
  return new Kind(`${doing}: ${what}${after}`, quoting ? {} : { cause: error });
}

/** Whether the server may have refused a setting, as it does not know it, or lets nobody set it. */
export function isOfSettings(error: unknown): boolean {
  return ['36', '115', '452'].includes(codeOf((error as { readonly cause?: unknown }).cause));
}

/** `60 UNKNOWN_TABLE`, as far as the server says so. */
function named(code: string, error: unknown): string {
  const { type } = error as { readonly type?: unknown };
  return typeof type === 'string' && /^[A-Z_0-9]+$/.test(type) ? `${code} ${type}` : code;
}

/** The server's number or the system's name of an error. Old servers give the number in the text alone. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return /^Code: (\d+)/.exec(error.message)?.[1] ?? 'no answer';
}
