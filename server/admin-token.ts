import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../config/schema.js';
import { ConfigError } from '../core/contract/errors.js';
import { hide } from '../core/host/mask.js';

/**
 * What the admin API asks for on its port: the configured token, or one of our own in a file that only this user can
 * read. That one is minted once and kept, so that what scrapes or asks with it goes on after a restart.
 */
export class AdminToken {
  readonly #current: () => Config['server']['admin'];
  #minted: string | undefined;

  /** @param current as it is now, which a reload may change */
  constructor(current: () => Config['server']['admin']) {
    this.#current = current;
  }

  /** Whether it is one of our own. */
  get isMinted(): boolean {
    return this.#current().token === undefined;
  }

  /** @throws ConfigError when its file can be neither read nor written */
  get value(): string {
    const { token, tokenFile } = this.#current();
    if (token !== undefined) return token;
    this.#minted ??= keptIn(tokenFile) ?? mintInto(tokenFile);
    return this.#minted;
  }
}

/** A token that nobody else could have read or put there; shorter ones could be guessed. */
function keptIn(file: string): string | undefined {
  let handle: number;
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile() || stat.uid !== process.geteuid?.() || (stat.mode & 0o077) !== 0) return undefined;
    const token = readFileSync(handle, 'utf8').trim();
    if (token.length < 16) return undefined;
    hide(token);
    return token;
  } finally {
    closeSync(handle);
  }
}

function mintInto(file: string): string {
  const token = randomBytes(32).toString('hex');
  hide(token);
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${token}\n`, { mode: 0o600 });
    renameSync(draft, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError(
      `the admin token cannot be written to ${file} (${code}): let this user write there, or name another place as ` +
        'server.admin.tokenFile',
    );
  }
  return token;
}
