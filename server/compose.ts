import 'reflect-metadata';
import { Container } from 'inversify';
import type { Config } from '../config/schema.js';
import { Authenticator } from '../core/authenticator.js';
import { Engine } from '../core/engine.js';
import { Ingest } from '../core/ingest.js';
import { keys, parts } from '../core/keys.js';
import type { Logger } from '../core/logger.js';
import { type Metrics, ProcessMetrics } from '../core/metrics.js';
import { Outlet } from '../core/outlet.js';
import type { Pipeline } from '../core/pipeline.js';
import { RateLimit } from '../core/rate-limit.js';
import { createInstance } from '../core/scope.js';
import type { Spool } from '../core/spool.js';
import type { TokenStore } from '../core/token-store.js';

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
  root.bind<ReadonlyMap<string, RateLimit>>(parts.limits).toConstantValue(limits(config));
  root
    .bind<Spool>(parts.spool)
    .toDynamicValue(() => createInstance(root, config.spool.plugin, config.spool.name, config.spool.options))
    .inSingletonScope();
  root
    .bind<TokenStore>(parts.tokens)
    .toDynamicValue(() =>
      createInstance(root, config.tokens.plugin, config.tokens.name, config.tokens.options),
    )
    .inSingletonScope();
  root
    .bind<ReadonlyMap<string, Outlet>>(parts.outlets)
    .toDynamicValue(() => outlets(root, config))
    .inSingletonScope();
  root.bind(Ingest).toSelf();
  root.bind(Authenticator).toSelf();
  root.bind(Engine).toSelf();
  return root;
}

/** Each ack worker keeps its part of a limit: connections spread over them evenly enough. */
function limits({ pipelines, server }: Config): ReadonlyMap<string, RateLimit> {
  const limited = [...pipelines.values()].filter(({ limit }) => limit !== undefined);
  return new Map(
    limited.map(({ id, limit = {} }) => [id, new RateLimit(limit, 1 / server.webhooks.workers)]),
  );
}

function outlets(root: Container, config: Config): ReadonlyMap<string, Outlet> {
  return new Map(
    [...config.destinations.values()].map(({ name, plugin, options, policy }) => [
      name,
      new Outlet(name, createInstance(root, plugin, name, options), policy),
    ]),
  );
}
