import type { Command } from 'commander';
import { loadServer } from '../../config/load.js';
import { adminSocket } from '../admin-socket.js';
import { AdminClient } from '../cli/admin-client.js';
import { CommandError, explain } from '../cli/exit.js';
import { configOption, jsonOption } from '../cli/options.js';
import { print, printJson } from '../cli/output.js';
import type { ReloadReport } from '../reload.js';
import { reloadLines } from '../reload-lines.js';

export function reload(program: Command): void {
  program
    .command('reload')
    .description('let the running server take over its changed configuration; no connection is dropped')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: { config: string; json?: boolean }) => {
      const report = await ask(options.config);
      if (options.json) printJson(report);
      else for (const line of reloadLines(report)) print(line);
    });
}

/** The server judges the file, as its environment counts; here only its address is looked up. */
async function ask(file: string): Promise<ReloadReport> {
  const config = await loadServer(file).catch(refused);
  const admin = await AdminClient.find(config);
  if (admin !== undefined) return admin.post<ReloadReport>('/api/reload', {}).catch(refused);
  throw new CommandError(
    `no server with this configuration answers at ${adminSocket(config.server)}: none runs, or server.admin.tokenFile ` +
      'or the spool is another since it started; then send it SIGHUP, or restart it',
  );
}

function refused(error: unknown): never {
  const { text, exitCode } = explain(error);
  const after = 'not reloaded: a running server goes on with the configuration from before';
  throw new CommandError(`${text}\n${after}`, exitCode);
}
