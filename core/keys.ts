import type { Newable } from 'inversify';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';

/** A name for something that the container holds, with its type. */
export type Key<T> = symbol & Newable<T>;

/** The one cast that a typed symbol needs. Shared between copies of the package by `Symbol.for`. */
export function key<T>(name: string): Key<T> {
  return Symbol.for(`hookline.${name}`) as Key<T>;
}

/** What a plugin may ask for: each instance has its own. */
export const keys = {
  /** The instance's name, as the YAML gives it: `warehouse`; `spool` and `tokens` for those two. */
  instance: key<string>('instance'),
  /** Names the instance in each line. */
  logger: key<Logger>('logger'),
  /** Bears the instance's name as a label. */
  metrics: key<Metrics>('metrics'),
} as const;
