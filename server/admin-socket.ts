import { chmodSync, unlinkSync } from 'node:fs';
import { connect, type Server, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import type { Config } from '../config/schema.js';

/** Bytes of a path that every system takes for a socket's: Linux 107, macOS 103. */
const longest = 103;

/**
 * The Unix socket of the admin API, beside its token. Only this user can open it, so that the CLI needs no token, and
 * tells none to a stranger who listens on the port while no server runs.
 */
export function adminSocket({ admin }: Pick<Config['server'], 'admin'>): string {
  return `${admin.tokenFile}.sock`;
}

export function connectTo(path: string): Socket {
  return near(path, (name) => connect(name));
}

/** @throws Error when another process listens there, or when there can be no socket */
export async function listenAt(server: Server, path: string): Promise<void> {
  if (await answers(path)) throw new Error('another server listens on it');
  remove(path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    near(path, (name) => server.listen(name, () => resolve(void server.off('error', reject))));
  });
  chmodSync(path, 0o600);
  server.once('close', () => remove(path));
}

/** One that a killed process left behind refuses. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTo(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone already.
  }
}

/** A path that is too long for a socket is short from within its folder. Node binds and connects within the call. */
function near<T>(path: string, use: (name: string) => T): T {
  if (Buffer.byteLength(path) <= longest) return use(path);
  const before = process.cwd();
  process.chdir(dirname(path));
  try {
    return use(basename(path));
  } finally {
    process.chdir(before);
  }
}
