import type { Container } from 'inversify';
import type { Config } from '../../config/schema.js';
import { Engine } from '../../core/engine.js';
import { ConfigError } from '../../core/errors.js';
import { keys, parts } from '../../core/keys.js';
import { Lifecycle } from '../../core/lifecycle.js';
import type { Outlet } from '../../core/outlet.js';
import type { LoadAnswers, Role } from './role.js';

const askTimeout = 30_000;

/**
 * Runs the lanes; knows no sender.
 * @param fenced called when another load process has claimed the spool
 */
export async function startLoad(
  config: Config,
  container: Container,
  fenced: (error: unknown) => void,
): Promise<Role<LoadAnswers>> {
  const lifecycle = new Lifecycle();
  const spool = container.get(parts.spool);
  const tokens = container.get(parts.tokens);
  const outlets = container.get(parts.outlets);
  const engine = container.get(Engine);

  lifecycle.opened('spool', () => spool.close());
  await spool.open(AbortSignal.timeout(config.server.grace));
  lifecycle.opened('tokens', () => tokens.close());
  for (const [name, outlet] of outlets) lifecycle.opened(name, () => outlet.close());
  await engine.start(fenced);
  return {
    answers: {
      metrics: async () => {
        await engine.report();
        return container.get(keys.metrics).json();
      },
      lanes: () => engine.reports(),
      rows: ({ destination, table, limit }) => newestRows(outletNamed(outlets, destination), table, limit),
      check: ({ destination, tables }) => checkTables(outletNamed(outlets, destination), tables),
      query: ({ destination, sql, limit }) => query(outletNamed(outlets, destination), sql, limit),
    },
    stop: async (grace) => {
      await engine.stop(grace);
      await lifecycle.close();
    },
  };
}

/** The newest rows of a table, from the warehouse itself. */
export async function newestRows(outlet: Outlet, table: string, limit: number) {
  const { destination } = outlet;
  if (destination.latest === undefined) {
    throw new ConfigError(`destination ${outlet.name} cannot show rows; look in the warehouse itself`);
  }
  const signal = AbortSignal.timeout(askTimeout);
  await outlet.open(signal);
  return destination.latest(table, limit, signal);
}

/** Proves that rows could be written into these tables now. */
export async function checkTables(outlet: Outlet, tables: readonly string[]) {
  const signal = AbortSignal.timeout(askTimeout);
  await outlet.open(signal);
  await outlet.destination.check(tables, signal);
}

/** One read-only statement. */
export async function query(outlet: Outlet, sql: string, limit: number) {
  const { destination } = outlet;
  if (destination.query === undefined) {
    throw new ConfigError(`destination ${outlet.name} takes no queries; use the warehouse's own client`);
  }
  const signal = AbortSignal.timeout(askTimeout);
  await outlet.open(signal);
  return destination.query(sql, limit, signal);
}

function outletNamed(outlets: ReadonlyMap<string, Outlet>, name: string): Outlet {
  const outlet = outlets.get(name);
  if (outlet === undefined) throw new ConfigError(`there is no destination ${name}`);
  return outlet;
}
