import {
  ConfigError,
  instructionOf,
  isTlsCode,
  messageOf,
  PermanentError,
  RetryableError,
} from 'hookline/plugin';

/**
 * What is neither the connection's fault nor the server's, by number; all the rest is retried.
 * https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
 */
const verdicts: Readonly<Record<number, 'config' | 'permanent'>> = {
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

/** The instruction that whatever the client throws amounts to. */
export function instructed(error: unknown, doing: string): unknown {
  if (instructionOf(error) !== undefined) return error;
  const code = codeOf(error);
  const hint = advice[code];
  const after = hint === undefined ? '' : `; ${hint}`;
  const verdict = isTlsCode(code) ? 'config' : verdicts[Number(code)];
  // The server may quote the row that it refuses, so neither its text nor the error itself is passed on.
  if (verdict === 'permanent')
    return new PermanentError(`${doing}: the server refuses a row (${code})${after}`);
  const message = `${doing}: ${messageOf(error)} (${code})${after}`;
  return verdict === 'config'
    ? new ConfigError(message, { cause: error })
    : new RetryableError(message, { cause: error });
}

/** The server's number or the system's name of an error. Old servers give the number in the text alone. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return /^Code: (\d+)/.exec(error.message)?.[1] ?? 'no answer';
}
