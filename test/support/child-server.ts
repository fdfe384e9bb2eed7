import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A server from the PATH with a temporary folder of its own; it dies with this process, however that ends. */
export class ChildServer {
  readonly folder: string;
  readonly #watchdog: ChildProcess;
  #process: ChildProcess | undefined;

  private constructor(folder: string) {
    this.folder = folder;
    const script = 'cat > /dev/null; kill -9 $(cat "$0/pid") 2> /dev/null; sleep 0.2; rm -rf "$0"';
    this.#watchdog = spawn('/bin/sh', ['-c', script, folder], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#watchdog.unref();
    (this.#watchdog.stdin as unknown as { unref(): void }).unref();
  }

  /** Makes the folder; starts nothing. */
  static async prepare(name: string): Promise<ChildServer> {
    return new ChildServer(await mkdtemp(join(tmpdir(), `hookline-${name}-`)));
  }

  /** Resolves once `ready` does not reject any more. */
  async start(command: string, args: readonly string[], ready: () => Promise<unknown>): Promise<void> {
    const log = await open(join(this.folder, 'log'), 'a');
    const child = spawn(command, args, {
      cwd: this.folder,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    await once(child, 'spawn');
    child.unref();
    await log.close();
    this.#process = child;
    await writeFile(join(this.folder, 'pid'), String(child.pid));
    for (const end = Date.now() + 30_000; ; await sleep(50)) {
      try {
        await ready();
        return;
      } catch (error) {
        if (child.exitCode === null && child.signalCode === null && Date.now() < end) continue;
        const said = (await readFile(join(this.folder, 'log'), 'utf8')).slice(-4000);
        throw new Error(`${command} did not start: ${said}`, { cause: error });
      }
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    await rm(join(this.folder, 'pid'));
  }

  async destroy(): Promise<void> {
    await this.stop('SIGKILL');
    this.#watchdog.stdin?.end();
    await rm(this.folder, { recursive: true, force: true });
  }
}
