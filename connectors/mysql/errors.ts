import {
  ConfigError,
  instructionOf,
  isTlsCode,
  messageOf,
  PermanentError,
  RetryableError,
} from 'hookline/plugin';

type Verdict = 'retry' | 'config' | 'permanent';

/** By the class of the SQLSTATE; any other is retried. */
const classes: Readonly<Record<string, Verdict>> = {
  '21': 'permanent', // fewer or more values than columns
  '22': 'permanent', // data
  '23': 'permanent', // constraints of the user's own on the table
  '28': 'config', // authentication
  '3D': 'config', // no such database
  '42': 'config', // grants, names, syntax
  '44': 'permanent', // a view's check option
  '45': 'permanent', // a trigger of the user's own raised it
};

/**
 * By number, where the class says something else, or HY000, which says nothing.
 * https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
 */
const numbers: Readonly<Record<number, Verdict>> = {
  1031: 'config', // the storage engine cannot do that
  1129: 'config', // host blocked after too many errors
  1130: 'config', // host may not connect
  1153: 'permanent', // a packet above max_allowed_packet
  1173: 'config', // a table without a primary key, where the server wants one
  1203: 'retry', // too many connections of the user
  1226: 'retry', // a quota of the user, per hour say
  1251: 'config', // authentication protocol not supported
  1288: 'config', // a view that takes no INSERT
  1348: 'config',
  1364: 'config', // a column without a default
  1366: 'permanent', // no such text in the column's character set
  1471: 'config',
  1526: 'config', // no partition for the row
  1644: 'permanent', // a trigger of the user's own raised it, under whatever class
  1820: 'config', // the password must be changed first
  1862: 'config', // the password has expired
  3098: 'config', // a table that group replication does not take
  3118: 'config', // the account is locked
  3159: 'config', // only with TLS
  3750: 'config', // as 1173, in MySQL
  3819: 'permanent', // a CHECK of the user's own
  4025: 'permanent', // the same in MariaDB
};

const keyed =
  'the server wants a primary key in each table: make this one yourself, with one on __kdd_request_id';

const advice: Readonly<Record<string, string>> = {
  1044: 'grant the user its rights on the database',
  1045: 'check user and password, and from which host the user may connect',
  1049: 'create the database, or correct its name',
  1142: 'grant the user SELECT, INSERT and CREATE on the database',
  1153: 'raise max_allowed_packet on the server, and replay',
  1173: keyed,
  1290: 'the server is read-only, perhaps after a failover: is it the primary?',
  1526: 'give the table a partition for such rows',
  3098: keyed,
  3159: 'set ssl',
  3750: keyed,
  ECONNREFUSED: 'is the server running, and are host and port right?',
  ENOTFOUND: 'no such host: check its name, or the DNS',
  ETIMEDOUT: 'does a firewall stand between?',
  HANDSHAKE_SSL_ERROR: 'check the option ssl, and the certificate',
  HANDSHAKE_NO_SSL_SUPPORT: 'the server has no TLS: set it up there, or take ssl out',
};

/** The driver's own codes for a TLS, or an authentication, that is not to be had. */
const handshake = /^(HANDSHAKE_|AUTH_SWITCH_)/;

/** What of an error of the driver tells it apart; `errno` is the server's number, or the system's. */
interface DriverError {
  readonly code: string;
  readonly errno?: number;
  readonly sqlState?: string;
}

/**
 * The instruction that an error of the driver amounts to; any other error is passed on.
 * @param about `rows` of a statement that has rows in it: the server may quote one, whatever the error, as a
 *   trigger says what it likes under any number. Then neither its text nor the error itself is passed on.
 */
export function instructed(error: unknown, doing: string, about: 'rows' | 'names' = 'names'): unknown {
  if (instructionOf(error) !== undefined || !isDriverError(error)) return error;
  const { code, errno } = error;
  const hint = advice[errno ?? ''] ?? advice[code];
  const after = hint === undefined ? '' : `; ${hint}`;
  const verdict = verdictOf(error);
  if (verdict === 'permanent') {
    const message = `${doing}: the server refuses a row (${code} ${errno})${after}`;
    return new PermanentError(message, { code: String(errno) });
  }
  const quoting = about === 'rows' && error.sqlState !== undefined;
  const what = quoting ? `the server refuses (${code} ${errno})` : `${messageOf(error)} (${code})`;
  const Kind = verdict === 'config' ? ConfigError : RetryableError;
  return new Kind(`${doing}: ${what}${after}`, quoting ? {} : { cause: error });
}

/** The server's number of its error, `undefined` for any other. */
export function numberOf(error: unknown): number | undefined {
  return isDriverError(error) && error.sqlState !== undefined ? error.errno : undefined;
}

function isDriverError(error: unknown): error is DriverError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

function verdictOf({ code, errno, sqlState }: DriverError): Verdict {
  if (sqlState === undefined) return handshake.test(code) || isTlsCode(code) ? 'config' : 'retry';
  return numbers[errno ?? 0] ?? classes[sqlState.slice(0, 2)] ?? 'retry';
}
