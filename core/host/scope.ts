import { Container } from 'inversify';
import { ConfigError } from '../contract/errors.js';
import { keys } from '../contract/keys.js';
import type { Logger } from '../contract/logger.js';
import type { Metrics } from '../contract/metrics.js';
import type { Plugin, PluginInstances, PluginKind } from '../contract/plugin.js';
import { named } from './named.js';

/**
 * Builds one plugin instance in a child container of its own, which holds its name, its logger and its
 * metrics. What it asks for by another key comes from the parent. The errors of a destination or a token
 * store begin with its name; there is one spool, and its calls are too many.
 * @throws ConfigError when it lacks a method of its contract: a plugin in JavaScript has no compiler to say so
 */
export function createInstance<K extends PluginKind>(
  parent: Container,
  plugin: Plugin<K>,
  name: string,
  options: unknown,
): ReturnType<Plugin<K>['create']> {
  const scope = new Container({ parent });
  const labels = { [plugin.kind === 'destination' ? 'destination' : 'part']: name };
  scope.bind<string>(keys.instance).toConstantValue(name);
  scope.bind<Logger>(keys.logger).toConstantValue(parent.get(keys.logger).child(labels));
  scope.bind<Metrics>(keys.metrics).toConstantValue(parent.get(keys.metrics).labelled(labels));
  const instance = plugin.create(options, (key) => scope.get(key));
  assertComplete(plugin, name, instance);
  return (plugin.kind === 'spool' ? instance : named(instance, name)) as ReturnType<Plugin<K>['create']>;
}

type Method = (...args: never[]) => unknown;

/** The methods of a contract that are not optional. */
type Required<T> = { readonly [K in keyof T as T[K] extends Method ? K : never]: true };

const required: { readonly [K in PluginKind]: Required<PluginInstances[K]> } = {
  destination: { open: true, ensureTable: true, check: true, write: true, close: true },
  'token-store': { open: true, find: true, create: true, list: true, setActive: true, close: true },
  spool: {
    open: true,
    append: true,
    check: true,
    claim: true,
    pending: true,
    sealed: true,
    read: true,
    seal: true,
    split: true,
    settle: true,
    depth: true,
    find: true,
    dead: true,
    deadCounts: true,
    revive: true,
    drop: true,
    discards: true,
    discardCounts: true,
    close: true,
  },
};

function assertComplete({ kind, name: type }: Plugin, name: string, instance: unknown): void {
  const members = (instance ?? {}) as Readonly<Record<string, unknown>>;
  const missing = Object.keys(required[kind]).filter((method) => typeof members[method] !== 'function');
  if (missing.length === 0) return;
  throw new ConfigError(
    `${name}: what the plugin ${type} creates is no ${kind}, as it lacks ${missing.join(', ')}; see connectors/WRITING.md`,
  );
}
