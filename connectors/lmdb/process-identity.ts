import { readFileSync, readlinkSync } from 'node:fs';

/** Which process it is, of all that ever had its pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /**
   * When it started, in the system's own ticks, and in which namespace of pids: `81234@4026531836`. Empty
   * where the system does not say.
   */
  readonly started: string;
}

/** Of a process that has ended and that nobody has taken notice of yet. */
const ended = Symbol('ended');

export function thisProcess(): ProcessIdentity {
  const started = startOf(process.pid);
  return { pid: process.pid, started: typeof started === 'string' ? started : '' };
}

/** True also when the system does not tell. A process of another namespace, as of a container, is not seen. */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  try {
    const now = startOf(pid);
    if (now === ended) return false;
    if (now !== undefined) return started === '' || now === started;
    // Whose it is, another user may not be shown; that it is there is told to everybody.
    process.kill(pid, 0);
    return process.platform !== 'linux';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** A pid alone says nothing: in another container another process may have it. */
export function isThis({ pid, started }: ProcessIdentity): boolean {
  return pid === process.pid && (started === '' || started === thisProcess().started);
}

/** Whether nobody can tell from here whether the process lives. */
export function isForeign({ started }: ProcessIdentity): boolean {
  return started !== '' && !started.endsWith(`@${namespace()}`);
}

/** `undefined` when the process is gone, or the system does not show it. */
function startOf(pid: number): string | typeof ended | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? ended : `${rest[18]}@${namespace()}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

let known: string | undefined;

function namespace(): string {
  known ??= process.platform === 'linux' ? (/[0-9]+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '') : '';
  return known;
}
