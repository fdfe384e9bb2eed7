import { cpus, totalmem } from 'node:os';

/** The machine that the figures are of. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  /** GiB. */
  readonly memory: number;
  readonly node: string;
  readonly generator: string;
}

export function machine(generator: string): Machine {
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memory: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    generator,
  };
}

export function describe({ cores, processor, memory, node, generator }: Machine): string {
  return `${cores} cores (${processor}), ${memory} GiB, Node ${node}; load by ${generator}, on the same cores`;
}
