import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A compiled program of this folder, run in a process of its own. */
export class Program {
  readonly #child: ChildProcess;
  #output = '';
  readonly exited: Promise<number | null>;

  /** @param limits shell commands to run first, such as `ulimit -S -f 100` */
  constructor(name: string, args: readonly string[], limits?: string) {
    const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
    const command = [process.execPath, file, ...args];
    this.#child =
      limits === undefined
        ? spawn(command[0] ?? '', command.slice(1))
        : spawn('/bin/sh', ['-c', `${limits}; exec "$@"`, 'sh', ...command]);
    this.#child.stdout?.on('data', (chunk) => {
      this.#output += chunk;
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.#output += chunk;
    });
    this.exited = new Promise((resolve) => this.#child.on('close', (code) => resolve(code)));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it wrote to stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Resolves when it has ended of itself, well. */
  async done(): Promise<void> {
    const code = await this.exited;
    if (code !== 0) throw new Error(`the program ended with ${code}: ${this.#output}`);
  }
}
