/** What the subjects of all three suites have in common. */

/** Something that a subject cannot offer. The claims about it are left out. */
export interface Absent {
  readonly absent: string;
}

/** Says that a subject cannot offer something, and why: `outage: absent('there is no connection to cut')`. */
export function absent(why: string): Absent {
  return { absent: why };
}

/**
 * What is offered, or `undefined` when the subject says that it is absent.
 * @throws Error when it says neither: nothing may be left out without a word
 */
export function offered<T>(name: string, part: T | Absent): Exclude<T, Absent> | undefined {
  if (part === undefined || part === null) {
    throw new Error(`the subject says nothing of ${name}: give it, or absent('why there is none')`);
  }
  return typeof part === 'object' && 'absent' in part ? undefined : (part as Exclude<T, Absent>);
}

/** How another process makes an instance over the same storage. */
export interface PluginLocation {
  /** The URL of a module that exports the plugin by default, alone or in an array. */
  readonly module: string;
  /** The plugin's `name`. */
  readonly plugin: string;
  /** As the YAML would give them, so JSON; parsed by the plugin's `config`. */
  readonly options: object;
}

/** An outage of whatever the instances are connected to. */
export interface Outage {
  /** Cuts every connection and refuses new ones. Resolves when that is so. */
  begin(): Promise<void>;
  /** Lets connections in again. Resolves when they would be taken. */
  end(): Promise<void>;
}

/** Set-ups that somebody has to put right before anything can work. */
export const misconfigurations = ['wrong credentials', 'missing database', 'missing grant'] as const;
export type Misconfiguration = (typeof misconfigurations)[number];

/** What makes an instance of each misconfiguration; `absent('why')` for one, or for all at once. */
export type Misconfigured<Make> = Readonly<Record<Misconfiguration, Make | Absent>> | Absent;

/** What makes an instance of that misconfiguration, or `undefined` when the subject says that it is absent. */
export function misconfiguredBy<Make>(
  subject: { readonly misconfigured: Misconfigured<Make> },
  kind: Misconfiguration,
): Exclude<Make, Absent> | undefined {
  const all = offered('misconfigured', subject.misconfigured);
  return all && offered(`misconfigured: ${kind}`, all[kind]);
}
