import type { z } from 'zod';
import type { Destination } from './destination.js';
import type { Key } from './keys.js';
import type { DestinationPolicy } from './pipeline.js';
import type { Spool } from './spool.js';
import type { TokenStore } from './token-store.js';

/** The version of the contracts. A plugin made for another one is refused with both numbers. */
export const contractVersion = 1;

/** What a plugin of each kind creates. Public, as the declarations of those who export a `Plugin` name it. */
export interface PluginInstances {
  readonly destination: Destination;
  readonly 'token-store': TokenStore;
  readonly spool: Spool;
}

export type PluginKind = keyof PluginInstances;

export const pluginKinds: readonly PluginKind[] = ['destination', 'token-store', 'spool'];

/** Gets what the instance may use from its own container: `get(keys.logger)`. */
export type Get = <T>(key: Key<T>) => T;

/** Sizes in bytes or as text (`16MiB`), durations in milliseconds or as text (`1s`). */
export interface FlushDefaults {
  readonly rows: number;
  readonly bytes: number | string;
  readonly every: number | string;
}

/** How the engine treats a destination unless its YAML says otherwise. */
export interface DestinationDefaults {
  readonly flush?: Partial<FlushDefaults>;
  /** How many batches it is written at once, over all its lanes. */
  readonly concurrency?: number;
  /** How long one write may take. */
  readonly timeout?: number | string;
}

/** What is wrong with a policy, in the words of a configuration's problem. */
export interface Objection {
  /** Of the destination, such as `flush.every`. */
  readonly option: string;
  readonly message: string;
  readonly hint?: string;
}

export interface PluginDefinition<K extends PluginKind, C extends z.ZodObject> {
  readonly kind: K;
  /** What the YAML's `type` says: lower case letters, digits and hyphens. */
  readonly name: string;
  /** One line for `hookline plugins` and the reference. */
  readonly description?: string;
  /** The options besides `type` and, for a destination, `flush`, `concurrency`, `timeout` and `haltAfter`. */
  readonly config: C;
  readonly defaults?: K extends 'destination' ? DestinationDefaults : never;
  /** What suits these options better than `defaults`. */
  readonly suited?: K extends 'destination' ? (config: z.output<C>) => DestinationDefaults : never;
  /** Why the policy does not do with these options; the YAML is refused then. */
  readonly objection?: K extends 'destination'
    ? (config: z.output<C>, policy: DestinationPolicy) => Objection | undefined
    : never;
  /**
   * What is alike for names of tables that are one table to the warehouse, such as their lower case; each is
   * its own unless given. The YAML is refused where two pipelines write such names in two ways. Names that only
   * the server can tell to be one, `check` and `ensureTable` refuse.
   */
  readonly foldTable?: K extends 'destination' ? (table: string) => string : never;
  /**
   * How it keeps its part of the promise, for `hookline explain`: whole sentences, for whoever operates it.
   * Of a destination: how a batch lands once, what that rests on, and when it would not hold.
   */
  readonly guarantee?: string | ((config: z.output<C>) => string);
  /** Builds an instance. Synchronous, and no I/O: that is `open`. */
  readonly create: (config: z.output<C>, get: Get) => PluginInstances[K];
  /**
   * Only the process that writes can read what was written: it is in its memory, or in a file that it locks. Else
   * people's questions are asked of an instance in another process, which takes nothing from the lanes.
   */
  readonly exclusive?: K extends 'destination' ? boolean : never;
}

export interface Plugin<K extends PluginKind = PluginKind> {
  readonly contractVersion: number;
  readonly kind: K;
  readonly name: string;
  readonly description?: string;
  readonly config: z.ZodObject;
  readonly defaults: DestinationDefaults;
  readonly suited?: (config: unknown) => DestinationDefaults;
  readonly objection?: (config: unknown, policy: DestinationPolicy) => Objection | undefined;
  readonly foldTable?: (table: string) => string;
  readonly guarantee?: (config: unknown) => string;
  readonly create: (config: unknown, get: Get) => PluginInstances[K];
  readonly exclusive?: boolean;
}

/** The options of a destination's YAML that the engine takes for itself. */
export const engineOptions = ['type', 'flush', 'concurrency', 'timeout', 'haltAfter'] as const;

/** A plugin is a value: no base class, no decorator. Export it as the module's default, or an array of them. */
export function definePlugin<K extends PluginKind, C extends z.ZodObject>(
  definition: PluginDefinition<K, C>,
): Plugin<K> {
  if (!('_zod' in definition.config)) {
    throw new Error(
      `plugin ${definition.kind} ${definition.name}: its config must be a zod object, of zod 4`,
    );
  }
  const taken: readonly string[] = definition.kind === 'destination' ? engineOptions : ['type'];
  const clash = taken.find((option) => option in definition.config.shape);
  if (clash !== undefined) {
    throw new Error(`plugin ${definition.kind} ${definition.name}: the option ${clash} is the engine's own`);
  }
  const { exclusive, description, suited, objection, foldTable, guarantee } = definition;
  return {
    contractVersion,
    kind: definition.kind,
    name: definition.name,
    ...(description !== undefined && { description }),
    config: definition.config,
    defaults: definition.defaults ?? {},
    ...(exclusive === true && { exclusive }),
    ...(suited && { suited: (config: unknown) => suited(config as z.output<C>) }),
    ...(objection && {
      objection: (config: unknown, policy: DestinationPolicy) => objection(config as z.output<C>, policy),
    }),
    ...(foldTable && { foldTable }),
    ...(guarantee !== undefined && {
      guarantee: (config: unknown) =>
        typeof guarantee === 'string' ? guarantee : guarantee(config as z.output<C>),
    }),
    create: (config, get) => definition.create(config as z.output<C>, get),
  };
}
