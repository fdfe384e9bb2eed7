/**
 * Runs commands of `hookline` one after the other in this process, as the command line would in one of their own: each
 * of those would load the same five hundred modules again. A parent sends a `Call`, and is sent how it ended.
 */
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Call, Finished } from './cli.js';

const main = new URL('../../server/main.js', import.meta.url);
/** Milliseconds in which what a command has opened must be closed: as long as it is open, a process would not end. */
const patience = 10_000;
let calls = 0;

async function run({ args, cwd, env, input }: Call): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  process.stdout.write = (chunk: string | Uint8Array) => {
    stdout += Buffer.from(chunk as Uint8Array).toString();
    return true;
  };
  process.stderr.write = (chunk: string | Uint8Array) => {
    stderr += Buffer.from(chunk as Uint8Array).toString();
    return true;
  };
  Object.defineProperty(process, 'stdin', { configurable: true, value: Readable.from([input]) });
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(env, name)) delete process.env[name];
  Object.assign(process.env, env);
  process.argv = [process.execPath, main.pathname, ...args];
  process.exitCode = undefined;
  process.chdir(cwd);
  const forget = [remember(process), remember(process.stdout)];
  const before = open();
  // Another one each time, so that it runs again.
  await import(`${main.href}?${++calls}`);
  for (const end = Date.now() + patience; open() > before; ) {
    if (Date.now() > end) {
      throw new Error(`hookline ${args[0]} would not end: ${process.getActiveResourcesInfo().join(', ')}`);
    }
    await sleep(5);
  }
  for (const each of forget) each();
  return { code: Number(process.exitCode ?? 0), stdout, stderr };
}

/** How many things keep this process from ending. The timer that waits for them is none. */
function open(): number {
  return process.getActiveResourcesInfo().filter((type) => type !== 'Timeout').length;
}

/** Returns what removes the listeners that are added from here on. */
function remember(emitter: NodeJS.EventEmitter): () => void {
  const before = new Map(emitter.eventNames().map((name) => [name, emitter.rawListeners(name)]));
  return () => {
    for (const name of emitter.eventNames()) {
      for (const listener of emitter.rawListeners(name)) {
        if (!before.get(name)?.includes(listener)) emitter.removeListener(name, listener as () => void);
      }
    }
  };
}

process.on('message', (call: Call) => {
  run(call).then(
    (finished) => process.send?.(finished),
    (error: unknown) => {
      process.send?.({
        code: null,
        stdout: '',
        stderr: error instanceof Error ? error.stack : String(error),
      });
    },
  );
});
