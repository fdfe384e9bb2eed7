import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A server that Hookline is measured beside. */
export interface Beside {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** As many workers as Hookline has. */
export function startNoop(workers = 1): Promise<Beside> {
  return start('./noop.js', String(workers));
}

export function startHandwritten(databaseUrl: string): Promise<Beside> {
  return start('./handwritten.js', databaseUrl);
}

async function start(file: string, argument: string): Promise<Beside> {
  const child: ChildProcess = fork(fileURLToPath(new URL(file, import.meta.url)), [argument]);
  const [port] = (await once(child, 'message')) as [number];
  return {
    url: `http://127.0.0.1:${port}/`,
    pid: child.pid as number,
    stop: async () => {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}
