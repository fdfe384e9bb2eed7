import { Container } from 'inversify';
import { keys } from './keys.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import { named } from './named.js';
import type { Plugin, PluginKind } from './plugin.js';

/**
 * Builds one plugin instance in a child container of its own, which holds its name, its logger and its
 * metrics. What it asks for by another key comes from the parent. The errors of a destination or a token
 * store begin with its name; there is one spool, and its calls are too many.
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
  return (plugin.kind === 'spool' ? instance : named(instance, name)) as ReturnType<Plugin<K>['create']>;
}
