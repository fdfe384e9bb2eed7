import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** How a command of `hookline` ended, and what it printed. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Call {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Of its standard input. */
  readonly input: string | Buffer;
}

const program = fileURLToPath(new URL('./cli-host.js', import.meta.url));
/** Those that run nothing now. */
const idle: ChildProcess[] = [];

/** Runs a command of `hookline` in a process that has run others before it; as many at once as are asked for. */
export async function runCli(call: Call): Promise<Finished> {
  const host = idle.pop() ?? start();
  setReferenced(host, true);
  const ended = new AbortController();
  const answered = once(host, 'message', { signal: ended.signal });
  const died = once(host, 'exit', { signal: ended.signal }).then(([code]) => [
    { code, stdout: '', stderr: `the process ended in hookline ${call.args.join(' ')}` },
  ]);
  died.catch(() => undefined);
  host.send(call);
  const [finished] = (await Promise.race([answered, died])) as [Finished];
  answered.catch(() => undefined);
  ended.abort();
  if (finished.code === null || !host.connected) throw new Error(finished.stderr);
  setReferenced(host, false);
  idle.push(host);
  return finished;
}

function start(): ChildProcess {
  return fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' });
}

/** Those that are idle let the tests end, and end with them. */
function setReferenced(host: ChildProcess, referenced: boolean): void {
  const handles = [host, host.channel] as readonly (Pick<ChildProcess, 'ref' | 'unref'> | null | undefined)[];
  for (const handle of handles) referenced ? handle?.ref() : handle?.unref();
}
