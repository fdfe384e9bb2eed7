import {
  ConfigError,
  type Instruction,
  instructionOf,
  messageOf,
  PermanentError,
  RetryableError,
} from '../../core/contract/errors.js';

/** What DuckDB says of an error when `errors_as_json` is on. */
export interface Fault {
  /** The exception's type, as in duckdb's `exception.hpp`: `IO`, `Constraint`, `Catalog`. */
  readonly type: string;
  readonly message: string;
}

/**
 * A COMMIT that failed, whatever it says of why. DuckDB's is not all or nothing: short of memory it was seen to leave
 * rows in memory without their entry in the ledger, or to have happened.
 */
export class CommitFailed extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** After these DuckDB's memory is not to be trusted, or refuses everything until the file is opened anew. */
const ruinous: readonly (string | undefined)[] = ['FATAL', 'INTERNAL', 'IO', 'TransactionContext'];

export function isRuinous(error: unknown): boolean {
  return error instanceof CommitFailed || ruinous.includes(faultOf(error)?.type);
}

const verdicts: Readonly<Record<string, Instruction>> = {
  IO: 'retry', // the disk is full, say
  'Out of Memory': 'retry',
  TransactionContext: 'retry',
  INTERRUPT: 'retry',
  Interrupt: 'retry',
  Connection: 'retry',
  FATAL: 'retry', // it wants to be opened anew
  INTERNAL: 'retry',
  Catalog: 'config',
  Binder: 'config',
  Permission: 'config',
  Dependency: 'config',
  Settings: 'config',
  Parser: 'config',
  Constraint: 'permanent',
  Conversion: 'permanent',
  'Out of Range': 'permanent',
  'Invalid Input': 'permanent',
  'Invalid type': 'permanent',
  'Mismatch Type': 'permanent',
};

/** The fault in an error of DuckDB's; the text around the JSON differs with the call. */
export function faultOf(error: unknown): Fault | undefined {
  if (!(error instanceof Error)) return undefined;
  const start = error.message.indexOf('{"exception_type"');
  if (start < 0) return undefined;
  try {
    const fields = JSON.parse(error.message.slice(start)) as Record<string, unknown>;
    return { type: String(fields['exception_type']), message: String(fields['exception_message']) };
  } catch {
    return undefined;
  }
}

/**
 * Whether it takes more memory than its limit: of a commit, a checkpoint or the opening of a file only the text says
 * so. What is wrong with a row quotes it, and the row may say anything.
 */
export function isOutOfMemory(error: unknown): boolean {
  if (![undefined, 'retry'].includes(instructionOf(error))) return false;
  const fault = faultOf(error);
  if (fault !== undefined && verdicts[fault.type] !== 'retry') return false;
  return error instanceof Error && /Out of Memory|\/[\d.]+ \w+ used\)/.test(error.message);
}

/** Their words are of names and files, which may be told whole; those of others may quote a row. */
const nameless = ['IO', 'Connection', 'Catalog', 'Binder', 'Permission', 'Dependency', 'Settings', 'Parser'];

/** What DuckDB says, on one line, without what it quotes of a row: `Could not convert string … to INT32`. */
function wordsOf({ type, message }: Fault): string {
  const words = messageOf(new Error(message));
  if (nameless.includes(type)) return words;
  const first = words.search(/['"`]/);
  const last = Math.max(...["'", '"', '`'].map((quote) => words.lastIndexOf(quote)));
  const unquoted =
    first < 0 ? words : `${words.slice(0, first)}…${last > first ? words.slice(last + 1) : ''}`;
  return unquoted.replaceAll(/(?<!\w)-?\d[\d.eE+-]*/g, '…');
}

/** The instruction that an error of DuckDB's amounts to; one that is no such error is passed on. */
export function instructed(error: unknown, doing: string): unknown {
  if (instructionOf(error) !== undefined) return error;
  const fault = faultOf(error);
  if (fault === undefined) return error;
  const message = `${doing}: ${wordsOf(fault)} (${fault.type})`;
  // Of a failed COMMIT nothing is known before the next try has looked.
  switch (error instanceof CommitFailed ? 'retry' : verdicts[fault.type]) {
    case 'config':
      return new ConfigError(message, { cause: error });
    case 'permanent':
      return new PermanentError(message, { code: fault.type });
    default:
      return new RetryableError(message, nameless.includes(fault.type) ? { cause: error } : {});
  }
}
