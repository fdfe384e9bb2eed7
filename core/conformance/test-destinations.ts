import { setMaxListeners } from 'node:events';
import type { Destination, Plugin } from '../index.js';
import { instantiate } from './instantiate.js';

/** A signal that does not fire, for calls in tests. */
export const never: AbortSignal = new AbortController().signal;
setMaxListeners(0, never);

/**
 * The destinations that tests of one plugin make. They are closed together, also those of a test that failed:
 *
 * ```ts
 * const destinations = new TestDestinations(plugin, () => ({ url: server.url }));
 * afterEach(() => destinations.close());
 * ```
 */
export class TestDestinations {
  readonly #plugin: Plugin<'destination'>;
  readonly #options: () => object;
  readonly #made: Destination[] = [];

  /** @param options what all have; called for each, so that it may say what is only known once tests run */
  constructor(plugin: Plugin<'destination'>, options: () => object) {
    this.#plugin = plugin;
    this.#options = options;
  }

  /** One that is not opened, with these options besides. */
  make(options: object = {}): Destination {
    const destination = instantiate(this.#plugin, { ...this.#options(), ...options });
    this.#made.push(destination);
    return destination;
  }

  /** One that is open and has made its table. */
  async ready(table: string, options: object = {}): Promise<Destination> {
    const destination = this.make(options);
    await destination.open(never);
    await destination.ensureTable(table, never);
    return destination;
  }

  async close(): Promise<void> {
    for (const destination of this.#made.splice(0)) await destination.close();
  }
}

export type UrlParts = Partial<
  Pick<URL, 'hostname' | 'password' | 'pathname' | 'port' | 'search' | 'username'>
>;

/** The URL with other parts: `urlWith(url, { password: 'not the password' })`; they are encoded as need be. */
export function urlWith(url: string, parts: UrlParts): string {
  return Object.assign(new URL(url), parts).href;
}
