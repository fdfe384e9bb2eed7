import {
  ConfigError,
  instructionOf,
  isTlsCode,
  messageOf,
  PermanentError,
  RetryableError,
} from '../../core/index.js';

type Verdict = 'retry' | 'config' | 'permanent';

/**
 * What to do by SQLSTATE: by its class.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const verdicts: Readonly<Record<string, Verdict>> = {
  '08': 'retry', // connection
  '0A': 'config', // not supported: COPY under row-level security, say
  '21': 'permanent',
  '22': 'permanent', // data
  '23': 'permanent', // constraints of the user's own on the table
  '25': 'retry', // 25006: read-only after a failover
  '26': 'retry',
  '28': 'config', // authentication
  '38': 'permanent', // a function of the user's own failed
  '39': 'permanent',
  '3D': 'config', // no such database
  '3F': 'config', // no such schema
  '40': 'retry', // rolled back: serialization, deadlock
  '42': 'config', // grants, names, types
  '44': 'permanent', // a view's check option
  '53': 'retry', // disk full, out of memory, too many connections
  '54': 'permanent', // program limits: a value too large
  '55': 'retry', // 55P03: lock not available
  '57': 'retry', // shutdown, crash, cancelled
  '58': 'retry', // the server's own I/O
  F0: 'config',
  P0: 'permanent', // a trigger of the user's raised it
  XX: 'retry',
};

const advice: Readonly<Record<string, string>> = {
  '28P01': 'check user and password',
  '28000': "check the user, and the server's pg_hba.conf",
  '3D000': 'create the database, or correct its name',
  '53300': 'lower `connections`, or raise max_connections',
  '53100': "the server's disk is full: make room",
  '55P03': 'another session holds a lock on it: pg_locks tells which; end that one, or let it finish',
  '57P03': 'it is starting or stopping',
  '25006': 'the server is read-only, perhaps after a failover: is it the primary?',
  ECONNREFUSED: 'is the server running, and are host and port right?',
  ENOTFOUND: 'no such host: check its name, or the DNS',
  EAI_AGAIN: 'the DNS does not answer',
  ETIMEDOUT: 'does a firewall stand between?',
};

/** The instruction that an error of `pg` or of the socket amounts to; one that is no such error is passed on. */
export function instructed(error: unknown, doing: string): unknown {
  if (instructionOf(error) !== undefined) return error;
  const code = codeOf(error);
  if (code === undefined) return error;
  const verdict = verdictOf(code, error);
  if (verdict === undefined) return error;
  const advised = verdict === 'config' ? (advice[code] ?? pooler(code)) : advice[code];
  const hint = lacksPartition(error) ? 'make a partition for such rows' : advised;
  const quoting = isSqlState(code) && mayQuote(code, error);
  const what = quoting ? withoutContent(error) : textOf(error);
  const message = `${doing}: ${what}${partitionOf(error)} (${code})${hint === undefined ? '' : `; ${hint}`}`;
  if (verdict === 'permanent') return new PermanentError(message, { code });
  return new (verdict === 'config' ? ConfigError : RetryableError)(
    message,
    quoting || lacksPartition(error) ? {} : { cause: error },
  );
}

/** What of a server's error is looked at. https://www.postgresql.org/docs/current/protocol-error-fields.html */
interface ServerFields {
  readonly routine?: string;
  readonly where?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
}

/**
 * The text of an error of class 22, or of one that a function of the user's own raised, may quote a row. So may any
 * other that has a context, as the server was at work on a row then, or in a function, which may run SQL that is made
 * of it; but for the server's own constraints, of which it names no more than the name.
 */
function mayQuote(code: string, error: unknown): boolean {
  const { routine, where } = error as ServerFields;
  if (['22', '38', '39', 'P0'].includes(code.slice(0, 2)) || routine === 'exec_stmt_raise') return true;
  return where !== undefined && code.slice(0, 2) !== '23';
}

/** What of the error names the user's own things: nothing that may be a row's. */
function withoutContent(error: unknown): string {
  const { routine, where, table, column, constraint } = error as ServerFields;
  const [, raiser] = /^PL\/pgSQL function (\S+?)\(/m.exec(where ?? '') ?? [];
  const at = Object.entries({ table, column, constraint }).flatMap(([kind, name]) =>
    name === undefined ? [] : `${kind} ${name}`,
  );
  if (raiser !== undefined) at.push(`function ${raiser}`);
  // The server's own texts say what was wrong before a colon, and quote the value behind it, in marks of its language.
  const own = routine !== undefined && routine !== 'exec_stmt_raise';
  const what = own ? (messageOf(error).split(/ ?: |["«»„“”]/)[0] ?? '').trim() : 'refused';
  return at.length === 0 ? what : `${what} (${at.join(', ')})`;
}

/** PgBouncer has one code for most that it refuses; only its text tells what will not pass by itself. */
const pooled =
  /no such (database|user)|config error|unsupported startup parameter|auth|not allowed|statement pooling|SSL required|protocol/i;

function pooler(code: string): string | undefined {
  return code === '08P01'
    ? "the pooler's set-up is at fault: its databases, users, ignore_startup_parameters, or a pool_mode of statement"
    : undefined;
}

/** The SQLSTATE of a server's error, `undefined` for any other. */
export function sqlState(error: unknown): string | undefined {
  const code = codeOf(error);
  return code !== undefined && isSqlState(code) ? code : undefined;
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const code = (error as { readonly code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}

function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE';
}

function verdictOf(code: string, error: unknown): Verdict | undefined {
  if (code === '08P01') return pooled.test(messageOf(error)) ? 'config' : 'retry';
  if (lacksPartition(error)) return 'config';
  if (isSqlState(code)) return verdicts[code.slice(0, 2)] ?? 'retry';
  if (isTlsCode(code)) return 'config';
  const system = error as { readonly syscall?: unknown; readonly errors?: unknown };
  // Several addresses were tried: Node gives an AggregateError with the code of the first.
  if (typeof system.syscall === 'string' || Array.isArray(system.errors)) return 'retry';
  return /^E[A-Z]/.test(code) && !code.startsWith('ERR_') ? 'retry' : undefined;
}

/** Where the server has no partition for a row: it says so under a CHECK's code, and each server in its own language. */
function lacksPartition(error: unknown): boolean {
  const { routine } = error as { readonly routine?: unknown };
  return routine === 'ExecFindPartition' || routine === 'ExecPartitionCheckEmitError';
}

/**
 * Which partition is missing, by the column that parts the table, and, where that is the timestamp, by its value: any
 * other may be a row's content.
 */
function partitionOf(error: unknown): string {
  const { detail } = error as { readonly detail?: unknown };
  const [, column, value] = /\((.+)\) = \((.+)\)/.exec(typeof detail === 'string' ? detail : '') ?? [];
  if (!lacksPartition(error) || column === undefined) return '';
  return column === '__kdd_request_unix_timestamp' ? `, for ${column} = ${value}` : `, by ${column}`;
}

function textOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join(', ');
  return messageOf(error);
}
