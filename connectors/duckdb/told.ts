import { type Instruction, instructionError, instructionOf, messageOf } from '../../core/contract/errors.js';

/** An error as one process tells it to another. */
export interface Told {
  /** None of a bug. */
  readonly instruction: Instruction | undefined;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
}

export function tell(error: unknown): Told {
  const instruction = instructionOf(error);
  const { code, stack } = error as { readonly code?: string; readonly stack?: string };
  return {
    instruction,
    message: messageOf(error),
    ...(typeof code === 'string' && { code }),
    ...(instruction === undefined && stack !== undefined && { stack }),
  };
}

export function toldError({ instruction, message, code, stack }: Told): Error {
  if (instruction !== undefined) return instructionError(instruction, message, { code });
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
