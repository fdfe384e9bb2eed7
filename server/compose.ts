import 'reflect-metadata';
import { isDeepStrictEqual } from 'node:util';
import { Container } from 'inversify';
import { differencesOf } from '../config/differences.js';
import type { Config } from '../config/schema.js';
import type { Destination } from '../core/contract/destination.js';
import { keys, parts } from '../core/contract/keys.js';
import type { Logger } from '../core/contract/logger.js';
import { type Metrics, ProcessMetrics } from '../core/contract/metrics.js';
import type { Pipeline } from '../core/contract/pipeline.js';
import type { Spool } from '../core/contract/spool.js';
import type { TokenStore } from '../core/contract/token-store.js';
import { Authenticator } from '../core/delivery/authenticator.js';
import { Engine } from '../core/delivery/engine.js';
import { Outlet } from '../core/delivery/outlet.js';
import { Prover } from '../core/delivery/prover.js';
import { createInstance } from '../core/host/scope.js';
import { TrustedClock, trustedClock } from '../core/host/trusted-clock.js';
import { Unmade } from '../core/host/unmade.js';
import { Clients } from '../core/intake/client.js';
import { Door } from '../core/intake/door.js';
import { Ingest } from '../core/intake/ingest.js';
import { Proven } from '../core/intake/proven.js';
import { RateLimit } from '../core/intake/rate-limit.js';

/**
 * The only composition root: every role and every command takes what it needs from this container.
 * Building does no I/O; each part is made when it is first asked for, so the ack role never builds a
 * destination.
 */
export function compose(config: Config, logger: Logger): Container {
  const root = new Container({ defaultScope: 'Singleton' });
  root.bind<Logger>(keys.logger).toConstantValue(logger);
  root.bind<Metrics>(keys.metrics).toConstantValue(new ProcessMetrics());
  root.bind<ReadonlyMap<string, Pipeline>>(parts.pipelines).toConstantValue(config.pipelines);
  root.bind<ReadonlyMap<string, RateLimit>>(parts.limits).toConstantValue(limitsOf(config));
  root
    .bind<Spool>(parts.spool)
    .toDynamicValue(() => createInstance(root, config.spool.plugin, config.spool.name, config.spool.options))
    .inSingletonScope();
  root
    .bind<TokenStore>(parts.tokens)
    .toDynamicValue(() => tokensOf(root, config))
    .inSingletonScope();
  root
    .bind<ReadonlyMap<string, Outlet>>(parts.outlets)
    .toDynamicValue(() => outletsOf(root, config))
    .inSingletonScope();
  root
    .bind<Door>(parts.door)
    .toDynamicValue(() => doorOf(config, root.get(Proven)))
    .inSingletonScope();
  root.bind(TrustedClock).toConstantValue(trustedClock);
  root.bind(Proven).toSelf();
  root.bind(Prover).toSelf();
  root.bind(Ingest).toSelf();
  root.bind(Authenticator).toSelf();
  root.bind(Engine).toSelf();
  return root;
}

/** What a process works with already, and by which configuration: what that has alike goes on. */
export interface Before<T> {
  readonly config: Config;
  readonly made: ReadonlyMap<string, T>;
}

export function doorOf({ server: { webhooks } }: Config, proven: Proven): Door {
  const { trustedProxies, clientHeader, limits, workers } = webhooks;
  return new Door(new Clients(trustedProxies, clientHeader), proven, limits, 1 / workers);
}

/** Each ack worker keeps its part of a limit: connections spread over them evenly enough. */
export function limitsOf(config: Config, before?: Before<RateLimit>): ReadonlyMap<string, RateLimit> {
  const { workers } = config.server.webhooks;
  const limits = new Map<string, RateLimit>();
  for (const { id, limit } of config.pipelines.values()) {
    if (limit === undefined) continue;
    const known = before?.made.get(id);
    const isSame = isDeepStrictEqual(before?.config.pipelines.get(id)?.limit, limit);
    limits.set(id, known !== undefined && isSame ? known : new RateLimit(limit, 1 / workers));
  }
  return limits;
}

/** What cannot be made halts its own lanes; a reload that asks for it is refused. */
export function outletsOf(
  root: Container,
  config: Config,
  before?: Before<Outlet>,
): ReadonlyMap<string, Outlet> {
  const { added, changed } = differencesOf(before?.config ?? config, config).destinations;
  const others = new Set([...added, ...changed]);
  const outlets = new Map<string, Outlet>();
  for (const { name, plugin, options, policy } of config.destinations.values()) {
    const known = others.has(name) ? undefined : before?.made.get(name);
    const make = () => createInstance(root, plugin, name, options);
    outlets.set(name, known ?? new Outlet(name, before === undefined ? made(name, make) : make(), policy));
  }
  return outlets;
}

function made(name: string, make: () => Destination): Destination {
  try {
    return make();
  } catch (error) {
    return new Unmade(name, error);
  }
}

export function tokensOf(root: Container, { tokens }: Config): TokenStore {
  return createInstance(root, tokens.plugin, tokens.name, tokens.options);
}
