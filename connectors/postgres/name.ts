import { ConfigError } from '../../core/index.js';

/** Longer names are cut by the server without an error: NAMEDATALEN - 1. */
const longest = 63;

/** A name as SQL takes it: quoted, so in its own case and with any character. */
export function quoteName(name: string, what: string): string {
  if (name === '') throw new ConfigError(`a ${what} needs a name`);
  if (name.includes('\0'))
    throw new ConfigError(`the ${what}'s name ${JSON.stringify(name)} has a NUL in it`);
  const bytes = Buffer.byteLength(name);
  if (bytes > longest) {
    throw new ConfigError(
      `the ${what}'s name ${name} has ${bytes} bytes; Postgres takes ${longest} at most and would cut it`,
    );
  }
  return `"${name.replaceAll('"', '""')}"`;
}
