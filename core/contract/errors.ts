import { mask } from '../host/mask.js';

/**
 * Errors are instructions to the engine. A connector throws the one that says what shall happen to the
 * batch; anything else counts as a bug: retried like a `RetryableError`, and logged with its stack.
 *
 * They are recognised by a `Symbol.for` brand, not by `instanceof`, as a plugin may bring its own copy
 * of this package. No message may hold a secret: it goes to logs, to the CLI and to the metrics' readers.
 */
const brand = Symbol.for('hookline.error');

export type Instruction = 'retry' | 'permanent' | 'config' | 'overloaded' | 'fenced';

export abstract class InstructionError extends Error {
  readonly [brand]: Instruction;

  constructor(instruction: Instruction, message: string, options?: ErrorOptions) {
    super(message, options);
    this[brand] = instruction;
    this.name = new.target.name;
  }
}

/** The same batch may pass later: the engine backs off and tries again, for ever. */
export class RetryableError extends InstructionError {
  /** Milliseconds that the warehouse asks to wait, if it said. */
  readonly delay: number | undefined;
  /** The write was in a process of its own, which has died of it: see `retire` of a destination. */
  readonly killed: boolean;

  constructor(message: string, options?: ErrorOptions & Pick<Said, 'delay' | 'killed'>) {
    super('retry', message, options);
    this.delay = options?.delay;
    this.killed = options?.killed ?? false;
  }
}

/**
 * These rows never pass: the engine splits the batch; the culprits become dead letters, the rest lands. Where row
 * after row is refused alike and none lands, it takes the table to be at fault, and halts the lane instead. So:
 *
 * - what is surely the set-up's fault, as a partition that is missing, is a `ConfigError`, and makes no dead letter;
 * - refusals of one cause have one `code`, those of different causes different ones. Without a code the messages are
 *   compared, numbers and what is in quotes aside.
 */
export class PermanentError extends InstructionError {
  /** The warehouse's own code of the refusal, such as Postgres's `23514`; by it alike refusals are told. */
  readonly code: string | undefined;

  constructor(message: string, options?: ErrorOptions & Pick<Said, 'code'>) {
    super('permanent', message, options);
    this.code = options?.code;
  }
}

/** For a `write` that finds its batch given up: its rows are in others, or will be. */
export function retiredError({ table }: { readonly table: string }): PermanentError {
  return new PermanentError(
    `writing to ${table}: the batch was given up before, to land its rows in others`,
    {
      code: 'retired',
    },
  );
}

/**
 * The rows are fine, the set-up is not (credentials revoked, grant missing, table of another shape).
 * The lane halts, keeps its records, is checked every minute, and resumes by itself. The message says
 * what to do.
 */
export class ConfigError extends InstructionError {
  constructor(message: string, options?: ErrorOptions) {
    super('config', message, options);
  }
}

/** The spool takes nothing now (full, or its disk fails): the sender is answered 503 and retries. */
export class OverloadedError extends InstructionError {
  /** It is full for senders that are not proven, and for no others. */
  readonly unproven: boolean;

  constructor(message: string, options?: ErrorOptions & { readonly unproven?: boolean }) {
    super('overloaded', message, options);
    this.unproven = options?.unproven ?? false;
  }
}

/** Another load process has claimed the spool: this one must stop loading at once. */
export class FencedError extends InstructionError {
  constructor(message: string, options?: ErrorOptions) {
    super('fenced', message, options);
  }
}

/** What an instruction says besides its message. */
export interface Said {
  /** Of a `RetryableError`. */
  readonly delay?: number | undefined;
  readonly killed?: boolean | undefined;
  /** Of a `PermanentError`. */
  readonly code?: string | undefined;
}

const kinds: Readonly<Record<Instruction, new (message: string, options?: ErrorOptions & Said) => Error>> = {
  retry: RetryableError,
  permanent: PermanentError,
  config: ConfigError,
  overloaded: OverloadedError,
  fenced: FencedError,
};

/** An instruction made anew: under another message, or in another process. */
export function instructionError(
  instruction: Instruction,
  message: string,
  options?: ErrorOptions & Said,
): Error {
  return new kinds[instruction](message, options);
}

/** What an error tells the engine to do; `undefined` for one that is no instruction, so a bug. */
export function instructionOf(error: unknown): Instruction | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  return (error as { readonly [brand]?: Instruction })[brand];
}

/** The message of whatever was thrown, on one line, without the configuration's secrets. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return mask(text).replaceAll(/\s*\n\s*/g, ' ');
}

/** What refusals of one cause have in common. */
export function refusalOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'string') return `code ${code}`;
  return messageOf(error).replaceAll(/(["'`]).*?\1|\d+/g, '');
}
