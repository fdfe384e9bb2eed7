import { ConfigProblems } from '../../config/problem.js';
import { instructionOf, messageOf } from '../../core/contract/errors.js';
import { mask } from '../../core/host/mask.js';
import { RemoteError } from '../channel.js';
import { complain } from './output.js';

/** Exit codes: 0 done, 1 failed, 2 wrongly called, 3 not as it should be, 78 (`EX_CONFIG`) wrongly configured. */
export const exitCodes = { failed: 1, usage: 2, differs: 3, config: 78 } as const;

/** A command cannot go on; the message is for the person who typed it. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** What to print for an error, and the code to exit with. */
export function explain(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (error instanceof ConfigProblems) {
    const { length } = error.problems;
    return {
      text: `${error.message}\n${length === 1 ? '1 problem' : `${length} problems`} in the configuration`,
      exitCode: exitCodes.config,
    };
  }
  if (error instanceof CommandError) return { text: error.message, exitCode: error.exitCode };
  const isConfig = instructionOf(error) === 'config' || (error instanceof RemoteError && error.config);
  if (isConfig) return { text: messageOf(error), exitCode: exitCodes.config };
  const known = instructionOf(error) !== undefined || error instanceof RemoteError;
  const text = known || !(error instanceof Error) ? messageOf(error) : mask(error.stack ?? messageOf(error));
  return { text, exitCode: exitCodes.failed };
}

/** Ends the process on what nobody caught, as Node does, but with the configuration's secrets masked. */
export function endOnUncaught(): void {
  process.on('uncaughtException', (error: unknown) => {
    complain(mask(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    process.exit(exitCodes.failed);
  });
}

/** A reader that has seen enough, such as `head`, ends what is printed for it. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}
