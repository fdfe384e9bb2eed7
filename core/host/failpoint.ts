import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/** Nothing but the environment of the process arms it: no option of the configuration, and no sender. */
const folder = process.env['HOOKLINE_FAILPOINTS'];

const passes = new Map<string, number>();

/**
 * Ends this process by SIGKILL at a step of the ack or the load path that a test has armed: by a file of the
 * step's name in the folder that the environment names, in which is the number of the pass that is fatal. The
 * file is renamed to `NAME.hit` first: one process dies of it, and nobody after that.
 *
 * `undefined` where that environment variable is not set, so that a step costs one comparison: written as
 * `failpoint?.(name)`. Every step that the source names is reached by the crash test, or fails it.
 */
export const failpoint: ((step: string) => void) | undefined =
  folder === undefined ? undefined : (step) => pass(join(folder, step), step);

function pass(armed: string, step: string): void {
  try {
    const fatal = Number(readFileSync(armed, 'latin1'));
    const count = (passes.get(step) ?? 0) + 1;
    passes.set(step, count);
    if (count < fatal) return;
    renameSync(armed, `${armed}.hit`);
  } catch {
    // It is not armed, or another process was quicker.
    passes.delete(step);
    return;
  }
  process.kill(process.pid, 'SIGKILL');
}
