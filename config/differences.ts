import { isDeepStrictEqual } from 'node:util';
import type { Config, PluginInstance } from './schema.js';

/** Names of what one section gained, has otherwise, and lost. */
export interface SectionChange {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** What another configuration does to the one in force. */
export interface Differences {
  /** By id. */
  readonly pipelines: SectionChange;
  readonly destinations: SectionChange;
  /** Whether tokens are kept elsewhere, or reached in another way. */
  readonly tokens: boolean;
  /** Whether anything in `server` is another. */
  readonly server: boolean;
}

export function differencesOf(before: Config, after: Config): Differences {
  return {
    pipelines: changeOf(before.pipelines, after.pipelines, isDeepStrictEqual),
    destinations: changeOf(
      before.destinations,
      after.destinations,
      (a, b) => isSameInstance(a, b) && isDeepStrictEqual(a.policy, b.policy),
    ),
    tokens: !isSameInstance(before.tokens, after.tokens),
    server: !isDeepStrictEqual(before.server, after.server),
  };
}

/** Whether two instances would be made alike: of the same plugin, by the same options, secrets included. */
export function isSameInstance(a: PluginInstance, b: PluginInstance): boolean {
  return a.plugin === b.plugin && isDeepStrictEqual(a.options, b.options);
}

function changeOf<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  isSame: (a: T, b: T) => boolean,
): SectionChange {
  const common = [...after].filter(([name]) => before.has(name));
  return {
    added: [...after.keys()].filter((name) => !before.has(name)),
    changed: common.filter(([name, value]) => !isSame(before.get(name) as T, value)).map(([name]) => name),
    removed: [...before.keys()].filter((name) => !after.has(name)),
  };
}
