import { AssertionError } from 'node:assert';
import { messageOf } from '../contract/errors.js';

/**
 * One sentence that must hold of a plugin, and the proof. Independent of any test runner:
 * `for (const claim of claims) it(claim.name, claim.run)`.
 */
export interface Claim {
  readonly name: string;
  /** What the contract says, in the words of a failure's second line. */
  readonly obligation: string;
  /** Rejects when the claim does not hold; the message has the obligation, what was expected and what was seen. */
  readonly run: () => Promise<void>;
}

export function makeClaim(name: string, obligation: string, prove: () => Promise<void>): Claim {
  return {
    name,
    obligation,
    run: async () => {
      try {
        await prove();
      } catch (error) {
        throw failure(error, obligation);
      }
    },
  };
}

function failure(error: unknown, obligation: string): AssertionError {
  const found = error instanceof AssertionError;
  const detail = found ? error.message : `expected no error, seen ${describeError(error)}`;
  const failed = new AssertionError({
    message: `${detail}\nThe obligation: ${obligation}.`,
    ...(found && { actual: error.actual, expected: error.expected }),
  });
  failed.cause = error;
  return failed;
}

/** An error in one line: `ConfigError: warehouse: no such table`. */
export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${messageOf(error)}` : messageOf(error);
}
