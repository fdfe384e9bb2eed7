import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { same, within } from './proof.js';

/** For a program that has nothing to wait for. */
const patience = 30_000;

/** A program of this package in a process of its own, that tells line by line how far it has come. */
export class Child {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #ready: Promise<void>;
  readonly #lines: string[] = [];
  #trouble = '';

  /** @param order its argument, as JSON */
  constructor(program: URL, order: object) {
    const child = spawn(process.execPath, [fileURLToPath(program), JSON.stringify(order)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.#exited = once(child, 'close');
    child.stderr.on('data', (chunk: Buffer) => {
      this.#trouble += chunk.toString();
    });
    this.#ready = new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line === 'ready') resolve();
        else this.#lines.push(line);
      });
      void this.#exited.then(() => reject(new Error(`the child process ended early: ${this.#trouble}`)));
    });
    this.#ready.catch(() => {});
  }

  /** Resolves when it has begun its work. */
  get ready(): Promise<void> {
    return this.#ready;
  }

  /** What it has said since it was ready. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** What it wrote to stderr. */
  get trouble(): string {
    return this.#trouble;
  }

  /** SIGKILL; resolves when the process is gone and all that it said is here. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  /** Resolves to how it ended: an exit code, or a signal's name. */
  async end(): Promise<number | string | null> {
    await within(patience, this.#exited, 'the child process');
    return this.#process.exitCode ?? this.#process.signalCode;
  }

  /** Resolves when it has ended by itself, and well. */
  async done(): Promise<void> {
    const ended = await this.end();
    same(`how the child process ended ${this.#trouble}`, ended, 0);
  }
}
