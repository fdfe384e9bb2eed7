import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly path: string;
  destroy(): Promise<void>;
}

/**
 * A file system of 16 MiB. Only who may mount one can have it, as root on Linux may, unless a container keeps it
 * from that: elsewhere the test is skipped, and the sum of the run says so.
 */
export async function smallDisk(test: Mocha.Context): Promise<SmallDisk> {
  return (await mountSmallDisk()) ?? test.skip();
}

/** The same; `undefined` where it cannot be had. */
export async function mountSmallDisk(): Promise<SmallDisk | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'hookline-disk-'));
  const run = async (command: string, ...args: string[]): Promise<boolean> => {
    const child = spawn(command, args, { stdio: 'ignore' });
    const [code] = (await once(child, 'close').catch(() => [1])) as [number];
    return code === 0;
  };
  const mounted = await run('mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', path);
  const destroy = async () => {
    if (mounted) await run('umount', '-l', path);
    await rm(path, { recursive: true, force: true });
  };
  if (mounted && (await stat(path)).isDirectory()) return { path, destroy };
  await destroy();
  return undefined;
}
