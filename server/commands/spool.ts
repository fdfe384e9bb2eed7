import type { Command } from 'commander';
import { conflictIn } from '../../core/delivery/origin-guard.js';
import { AdminClient } from '../cli/admin-client.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { configOption } from '../cli/options.js';
import { print } from '../cli/output.js';
import { Session } from '../cli/session.js';

const askTimeout = 30_000;

export function spool(program: Command): void {
  const command = program.command('spool').description('a spool that was restored from a backup or copied');
  command
    .command('accept <destination>')
    .description(
      'say that what this copy of the spool holds shall land there, though the destination knows a later one',
    )
    .addOption(configOption())
    .action((name: string, options: { config: string }) =>
      Session.run(options.config, async (session) => {
        if (!(await accept(session, name))) {
          print(`${name} has nothing that this spool has not sealed; there is nothing to accept`);
          return;
        }
        print(
          `accepted: what waits for ${name} lands, also what had landed there before the spool was restored`,
        );
        await hasten(session, name);
      }),
    );
}

/** The server that runs has noted it; where none does, the destination is asked. */
async function accept(session: Session, name: string): Promise<boolean> {
  const outlet = session.outlet(name);
  const spool = await session.spool();
  if (spool.serials === undefined) {
    throw new CommandError(
      'this spool has no serials: no destination can tell it from a copy',
      exitCodes.usage,
    );
  }
  if (outlet.destination.newestBatch === undefined) {
    throw new CommandError(
      `${name} does not note where its batches are from, so nothing tells whether this spool was restored or copied: what waits for it lands in any case`,
      exitCodes.usage,
    );
  }
  if (await spool.serials.accept(name)) return true;
  const signal = AbortSignal.timeout(askTimeout);
  await outlet.open(signal);
  const found = await conflictIn(outlet, spool, signal);
  return found?.conflict !== undefined && (await spool.serials.accept(name, found.conflict));
}

/** Its lanes look again at once; without a server, or where it cannot, at the next look. */
async function hasten(session: Session, name: string): Promise<void> {
  const server = await AdminClient.find(session.config);
  await server?.post('/api/check', { destination: name, tables: [] }).catch(() => undefined);
}
