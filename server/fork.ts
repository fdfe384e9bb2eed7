import { fork } from 'node:child_process';
import cluster, { type Worker } from 'node:cluster';
import type { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Endpoint } from './channel.js';

const childFile = fileURLToPath(new URL('./roles/child.js', import.meta.url));

/** A child process, forked or of the cluster. */
export interface Process extends Endpoint, Pick<EventEmitter, 'emit' | 'off'> {
  readonly pid?: number | undefined;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown;
  kill(signal: NodeJS.Signals): unknown;
}

/** Cluster workers share the listening socket: the kernel deals the connections out among them. */
export function forkAck(): Process {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ exec: childFile, serialization: 'advanced' });
  const worker: Worker = cluster.fork();
  return Object.assign(worker, { pid: worker.process.pid });
}

/**
 * MiB of each half of V8's young generation, 16 by default: a batch lives longer than either, and less lies about,
 * 30 MiB in all, at the same speed.
 */
const youngGeneration = 4;

export function forkLoad(): Process {
  const execArgv = [...process.execArgv, `--max-semi-space-size=${youngGeneration}`];
  return fork(childFile, { serialization: 'advanced', execArgv });
}

export function forkRead(): Process {
  return fork(childFile, { serialization: 'advanced' });
}
