import { distance } from 'fastest-levenshtein';
import { contractVersion, type Plugin, type PluginKind } from '../contract/plugin.js';

/** What a plugin module exports by default. */
export type PluginModule = { readonly default: Plugin | readonly Plugin[] };

/** Gets a plugin's module on demand: an SDK that no YAML names is never loaded. */
export type PluginLoader = () => Promise<PluginModule>;

/** Names of plugins and how to get them, by kind. */
export type Catalogue = { readonly [K in PluginKind]: Readonly<Record<string, PluginLoader>> };

/** The plugins that this process knows, by kind and name. */
export class Registry {
  readonly #loaders: { readonly [K in PluginKind]: Map<string, PluginLoader> };
  readonly #origins = new Map<PluginLoader, string>();

  constructor(catalogue: Catalogue) {
    this.#loaders = {
      destination: new Map(Object.entries(catalogue.destination)),
      'token-store': new Map(Object.entries(catalogue['token-store'])),
      spool: new Map(Object.entries(catalogue.spool)),
    };
  }

  names(kind: PluginKind): string[] {
    return [...this.#loaders[kind].keys()].sort();
  }

  has(kind: PluginKind, name: string): boolean {
    return this.#loaders[kind].has(name);
  }

  /** Where a plugin is from: what `plugins:` says, or `undefined` for one of the catalogue. */
  origin(kind: PluginKind, name: string): string | undefined {
    const load = this.#loaders[kind].get(name);
    return load && this.#origins.get(load);
  }

  /** Makes a plugin known. Two of one kind and name are an error. */
  add(plugin: Plugin, origin?: string): void {
    if (this.has(plugin.kind, plugin.name)) {
      throw new Error(`there are two plugins for ${plugin.kind} ${plugin.name}`);
    }
    assertContract(plugin);
    const load: PluginLoader = async () => ({ default: plugin });
    this.#loaders[plugin.kind].set(plugin.name, load);
    if (origin !== undefined) this.#origins.set(load, origin);
  }

  /** @throws Error when no plugin has that name, or when its module cannot be loaded */
  async find<K extends PluginKind>(kind: K, name: string): Promise<Plugin<K>> {
    const load = this.#loaders[kind].get(name);
    if (load === undefined) throw new Error(`there is no ${kind} plugin named ${name}`);
    const exported = (await load()).default;
    const plugins: readonly Plugin[] = Array.isArray(exported) ? exported : [exported as Plugin];
    const found = plugins.find((plugin) => plugin.kind === kind && plugin.name === name);
    if (found === undefined) throw new Error(`the module of ${kind} ${name} does not export that plugin`);
    assertContract(found);
    return found as Plugin<K>;
  }
}

/** The candidate that was probably meant, if one is near enough. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  // Two neighbours swapped, the commonest slip, are two steps.
  let least = Math.max(word.length < 4 ? 1 : 2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const steps = distance(word.toLowerCase(), candidate.toLowerCase());
    if (steps < least) {
      least = steps;
      best = candidate;
    }
  }
  return best;
}

function assertContract(plugin: Plugin): void {
  if (plugin.contractVersion !== contractVersion) {
    throw new Error(
      `plugin ${plugin.kind} ${plugin.name} is made for version ${plugin.contractVersion} of the contract, ` +
        `this Hookline has version ${contractVersion}`,
    );
  }
}
