import type { Hookline } from '../support/hookline.js';
import { cpuSeconds } from '../support/process-usage.js';

/** The processes of a server by role: `ack`, `load` and `admin`, which is the supervisor. */
export async function roles(server: Hookline): Promise<ReadonlyMap<string, readonly number[]>> {
  const children = await server.children();
  const of = (start: string) => children.filter(({ name }) => name.startsWith(start)).map(({ pid }) => pid);
  return new Map([
    ['ack', of('ack')],
    ['load', of('load')],
    ['admin', server.pid === undefined ? [] : [server.pid]],
  ]);
}

export async function cpuByRole(server: Hookline): Promise<ReadonlyMap<string, number>> {
  const found = await roles(server);
  return new Map(
    [...found].map(([role, pids]) => [role, pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)]),
  );
}
