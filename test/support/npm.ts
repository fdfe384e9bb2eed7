import { execFile } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** This package's folder. */
export const root = join(import.meta.dirname, '../../..');

/** With the Node that runs the tests before any other, also for npm itself. */
export const env: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
};

/** Runs a command in a folder. Resolves to what it printed; rejects with all of it. */
export async function run(folder: string, command: string, ...args: string[]): Promise<string> {
  try {
    return (await promisify(execFile)(command, args, { cwd: folder, env })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout: string; readonly stderr: string };
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

/** From the registry, and from npm's cache where it has it. */
export async function install(folder: string, ...specs: string[]): Promise<void> {
  await run(folder, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', ...specs);
}

/** Packs a package; resolves to the tarball. */
export async function pack(from: string, into: string, ...args: string[]): Promise<string> {
  const printed = await run(from, 'npm', 'pack', '--silent', '--pack-destination', into, ...args);
  return join(into, printed.trim().split('\n').at(-1) ?? '');
}

/** Packs this package, as it is built: others run it meanwhile. */
export async function packHookline(into: string): Promise<string> {
  return await pack(root, into, '--ignore-scripts');
}
