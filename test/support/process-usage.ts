import { readdirSync, readFileSync } from 'node:fs';

/** What a process holds, in MiB; only Linux tells. */
export interface ProcessMemory {
  /** Its own: neither files that it maps, as LMDB's, nor what the system can take back. */
  readonly own: number;
  /** With the pages of mapped files that are in memory just now. */
  readonly resident: number;
  /** The most that was ever resident. */
  readonly peak: number;
}

/** Ticks of the clock in a second, in /proc. */
const ticks = 100;

export function memoryOf(pid: number): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (name: string) => {
    const [, kibibytes = 'NaN'] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status) ?? [];
    return Math.round(Number(kibibytes) / 102.4) / 10;
  };
  return { own: mebibytes('RssAnon'), resident: mebibytes('VmRSS'), peak: mebibytes('VmHWM') };
}

/** CPU seconds that a process has used, its threads included. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

/** The processes that it has started and that run still. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** Files, sockets and the like that it has open. */
export function openHandles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Looks every 100 ms, and keeps the most that it saw. */
export class MemoryWatch {
  readonly #timer: NodeJS.Timeout;
  #most: ProcessMemory;

  constructor(pid: number) {
    this.#most = memoryOf(pid);
    this.#timer = setInterval(() => {
      const now = memoryOf(pid);
      this.#most = {
        own: Math.max(now.own, this.#most.own),
        resident: Math.max(now.resident, this.#most.resident),
        peak: now.peak,
      };
    }, 100);
  }

  /** Ends it; fails where the process has ended, as that would be no measurement. */
  stop(): ProcessMemory {
    clearInterval(this.#timer);
    return this.#most;
  }
}
