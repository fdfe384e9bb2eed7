import type { Newable } from 'inversify';
import type { Outlet } from '../delivery/outlet.js';
import type { Door } from '../intake/door.js';
import type { RateLimit } from '../intake/rate-limit.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Pipeline } from './pipeline.js';
import type { Spool } from './spool.js';
import type { TokenStore } from './token-store.js';

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

/** What core's and the server's own classes are put together from; not for plugins. */
export const parts = {
  spool: key<Spool>('spool'),
  tokens: key<TokenStore>('tokens'),
  /** By id. */
  pipelines: key<ReadonlyMap<string, Pipeline>>('pipelines'),
  /** Of this process, by the pipeline's id; those without one are absent. */
  limits: key<ReadonlyMap<string, RateLimit>>('limits'),
  door: key<Door>('door'),
  /** By the destination's name. */
  outlets: key<ReadonlyMap<string, Outlet>>('outlets'),
} as const;
