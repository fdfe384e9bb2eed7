import { Container } from 'inversify';
import { keys } from './keys.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Plugin, PluginKind } from './plugin.js';

/**
 * Builds one plugin instance in a child container of its own, which holds its name, its logger and its
 * metrics. What it asks for by another key comes from the parent.
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
  return plugin.create(options, (key) => scope.get(key)) as ReturnType<Plugin<K>['create']>;
}
