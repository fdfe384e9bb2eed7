import { named } from '../host/named.js';
import { type Key, keys, type Logger, type Metrics, type Plugin, type PluginKind } from '../index.js';
import type { PluginLocation } from './subject.js';

/** An instance of a plugin as the server would make it, named `warehouse`, with nowhere to log to, and nobody who counts. */
export function instantiate<K extends PluginKind>(
  plugin: Plugin<K>,
  options: object,
  name = 'warehouse',
): ReturnType<Plugin<K>['create']> {
  const bindings = new Map<symbol, unknown>([
    [keys.instance, name],
    [keys.logger, silent],
    [keys.metrics, uncounted],
  ]);
  const get = <T>(key: Key<T>): T => {
    if (!bindings.has(key)) throw new Error(`nothing is bound to ${String(key)}`);
    return bindings.get(key) as T;
  };
  const instance = plugin.create(plugin.config.parse(options), get);
  return (plugin.kind === 'spool' ? instance : named(instance, name)) as ReturnType<Plugin<K>['create']>;
}

/** The plugin of that kind and name in what a module exports by default. */
export function pluginOf<K extends PluginKind>(
  exported: Plugin | readonly Plugin[],
  kind: K,
  name: string,
): Plugin<K> {
  const plugins: readonly Plugin[] = Array.isArray(exported) ? exported : [exported as Plugin];
  const found = plugins.find((plugin) => plugin.kind === kind && plugin.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found as unknown as Plugin<K>;
}

/** Loads a plugin from its module, in a child process; resolves to what makes instances of it. */
export async function locate<K extends PluginKind>(
  kind: K,
  { module, plugin, options }: PluginLocation,
): Promise<() => ReturnType<Plugin<K>['create']>> {
  const { default: exported } = (await import(module)) as { default: Plugin | readonly Plugin[] };
  const found = pluginOf(exported, kind, plugin);
  return () => instantiate(found, options);
}

/** Counts nothing: prom-client takes a fifth of the time in which a child process starts. */
const uncounted: Metrics = {
  counter: () => ({ add() {} }),
  gauge: () => ({ set() {}, remove() {} }),
  labelled: () => uncounted,
  json: async () => [],
};

/** Says nothing. */
export const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};
