import type { Hookline } from '../support/hookline.js';
import { cpuSeconds, MemoryWatch } from '../support/process-usage.js';
import type { Report } from './report.js';

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

/** In MiB: what a role may hold for itself, whatever it does. */
const goals: Readonly<Record<string, number>> = { ack: 120, load: 250 };

/**
 * Watches how much memory each role takes for itself; pages of files that it maps, as LMDB's, are the system's,
 * which takes them back when it needs them.
 *
 * @returns ends it, while the server is there still, and gives what reports the most
 */
export async function watchMemory(server: Hookline): Promise<() => (report: Report, what: string) => void> {
  const watches = [...(await roles(server))].map(
    ([role, pids]) => [role, pids.map((pid) => new MemoryWatch(pid))] as const,
  );
  return () => {
    const seen = watches.map(([role, each]) => [role, each.map((watch) => watch.stop())] as const);
    return (report, what) => {
      for (const [role, each] of seen) {
        if (goals[role] === undefined || each.length === 0) continue;
        const own = Math.max(...each.map((one) => one.own));
        const peak = Math.max(...each.map((one) => one.peak));
        report.ratio(`${what}: most memory of the ${role} role`, own, goals[role], 'less', 'MiB');
        report.figure(`${what}: the same with mapped files`, peak, 'MiB');
      }
    };
  };
}
