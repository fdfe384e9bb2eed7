import type { Command } from 'commander';
import type { QueryResult } from '../../core/contract/destination.js';
import { AdminClient } from '../cli/admin-client.js';
import { CommandError, exitCodes } from '../cli/exit.js';
import { configOption, jsonOption, limitOption } from '../cli/options.js';
import { complain, printJson, printTable } from '../cli/output.js';
import { Session } from '../cli/session.js';
import { query as ask } from '../roles/reading.js';

interface QueryOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly limit: number;
  readonly destination?: string;
}

export function query(program: Command): void {
  program
    .command('query <sql>')
    .description('read-only SQL on a DuckDB destination, also while the server runs')
    .addOption(limitOption(1000, 'rows'))
    .option('--destination <name>', 'which destination (the only one that takes queries)')
    .addOption(configOption())
    .addOption(jsonOption())
    .action((sql: string, options: QueryOptions) =>
      Session.run(options.config, async (session) => {
        const result = await run(session, sql, options);
        if (options.json) {
          printJson(
            result.rows.map((row) => Object.fromEntries(result.columns.map((name, at) => [name, row[at]]))),
          );
        } else {
          printTable(
            result.columns,
            result.rows.map((row) => row.map(textOf)),
          );
        }
        if (result.truncated) {
          complain(`There are more than ${options.limit} rows; --limit shows more.`);
        }
      }),
    );
}

async function run(session: Session, sql: string, options: QueryOptions): Promise<QueryResult> {
  const destination = options.destination ?? onlyQueryable(session);
  const outlet = session.outlet(destination);
  const admin = await AdminClient.find(session.config);
  if (admin !== undefined) return admin.post('/api/query', { destination, sql, limit: options.limit });
  return ask(outlet, sql, options.limit);
}

function onlyQueryable(session: Session): string {
  const names = [...session.config.destinations.keys()].filter(
    (name) => session.outlet(name).destination.query !== undefined,
  );
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  throw new CommandError(
    only === undefined
      ? 'no destination of this configuration takes queries; a DuckDB one does'
      : `several destinations take queries; choose one with --destination: ${names.join(', ')}`,
    exitCodes.usage,
  );
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
