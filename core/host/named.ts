import { isPromise } from 'node:util/types';
import { instructionError, instructionOf, type Said } from '../contract/errors.js';

/**
 * The instance of a plugin, whose instructions begin with its name: `warehouse: no such table`. So no
 * connector has to say which one it is. What is no instruction is a bug, and comes out as it is, with its
 * stack; so does the reason of an abort, which is the caller's own.
 */
export function named<T extends object>(instance: T, name: string): T {
  return new Proxy(instance, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function' || property === 'constructor') return member;
      return (...args: unknown[]): unknown => {
        const told = (error: unknown): never => {
          throw isReason(error, args.at(-1)) ? error : withName(error, name);
        };
        try {
          const result: unknown = member.apply(target, args);
          return isPromise(result) ? result.catch(told) : result;
        } catch (error) {
          return told(error);
        }
      };
    },
  });
}

function isReason(error: unknown, signal: unknown): boolean {
  return signal instanceof AbortSignal && signal.aborted && error === signal.reason;
}

function withName(error: unknown, name: string): unknown {
  const instruction = instructionOf(error);
  if (instruction === undefined) return error;
  const { message, delay, killed, code } = error as Error & Said;
  if (message.startsWith(`${name}: `)) return error;
  return instructionError(instruction, `${name}: ${message}`, { cause: error, delay, killed, code });
}
