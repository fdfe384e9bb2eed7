import { AssertionError, deepStrictEqual } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { type Instruction, instructionOf } from '../contract/errors.js';
import { describeError } from './claim.js';

/** The steps that proofs are made of. Each fails with what was looked at, what was expected, what was seen. */

export function same(what: string, seen: unknown, expected: unknown): void {
  try {
    deepStrictEqual(seen, expected);
  } catch {
    const message = `${what}: expected ${short(expected)}, seen ${short(seen)}`;
    throw new AssertionError({ message, actual: seen, expected });
  }
}

/** @param expected in words: `at most 10` */
export function that(what: string, holds: boolean, expected: string, seen: unknown): void {
  if (!holds) throw new AssertionError({ message: `${what}: expected ${expected}, seen ${short(seen)}` });
}

/** The error that the promise is rejected with. @throws AssertionError when it is resolved */
export async function refused(promise: Promise<unknown> | undefined, what = 'the call'): Promise<Error> {
  const [error] = await rejection(promise);
  if (error instanceof Error) return error;
  const seen = error === undefined ? 'success' : short(error);
  throw new AssertionError({ message: `${what}: expected it to be rejected with an error, seen ${seen}` });
}

/** The instruction that the promise is rejected with; `undefined` for an error that is none. */
export async function instruction(promise: Promise<unknown> | undefined): Promise<Instruction | undefined> {
  return instructionOf(await refused(promise));
}

/** That the promise is rejected, and with that instruction. */
export async function refusedAs(
  expected: Instruction,
  what: string,
  promise: Promise<unknown>,
): Promise<unknown> {
  const [error, value] = await rejection(promise);
  const wanted = `${what}: expected ${names[expected]}`;
  if (error === undefined) {
    const result = value === undefined ? '' : ` with ${short(value)}`;
    throw new AssertionError({ message: `${wanted}, seen success${result}` });
  }
  if (instructionOf(error) !== expected) {
    throw new AssertionError({ message: `${wanted}, seen ${describeError(error)}` });
  }
  return error;
}

/** That the promise settles in time; passes on how. */
export async function within<T>(milliseconds: number, promise: Promise<T>, what = 'the call'): Promise<T> {
  const late = new AbortController();
  const clock = sleep(milliseconds, undefined, { signal: late.signal }).then(() => {
    throw new AssertionError({
      message: `${what}: expected an end within ${milliseconds} ms, seen none`,
    });
  });
  clock.catch(() => {});
  try {
    return await Promise.race([promise, clock]);
  } finally {
    late.abort();
  }
}

/** Repeats a call for as long as it is rejected as retryable, as the engine does; gives up after `patience` ms. */
export async function retrying<T>(call: () => Promise<T>, patience = 15_000): Promise<T> {
  const end = Date.now() + patience;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (instructionOf(error) !== 'retry' || Date.now() > end) throw error;
      await sleep(50);
    }
  }
}

const names: Readonly<Record<Instruction, string>> = {
  retry: 'a RetryableError',
  permanent: 'a PermanentError',
  config: 'a ConfigError',
  overloaded: 'an OverloadedError',
  fenced: 'a FencedError',
};

async function rejection(promise: Promise<unknown> | undefined): Promise<[error: unknown, value?: unknown]> {
  return await Promise.resolve(promise).then(
    (value): [undefined, unknown] => [undefined, value],
    (error: unknown): [unknown] => [error ?? new Error('undefined was thrown')],
  );
}

function short(value: unknown): string {
  const text = inspect(value, { depth: 3, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 12 });
  return text.length <= 400 ? text : `${text.slice(0, 400)}…`;
}
