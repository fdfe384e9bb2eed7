import { join } from 'node:path';
import { root, run } from './npm.js';

/** How `hookline COMMAND --help` ends, and what it prints. */
export interface Help {
  readonly command: string;
  readonly code: number;
  readonly stdout: string;
}

/** @param commands such as `tokens create` */
export async function helpsOf(commands: readonly string[]): Promise<Help[]> {
  const program = join(import.meta.dirname, 'help-all.js');
  return JSON.parse(await run(root, process.execPath, program, JSON.stringify(commands))) as Help[];
}
