import { ConfigError } from '../../core/contract/errors.js';
import type { Outlet } from '../../core/delivery/outlet.js';
import { ResultSize } from '../../core/kit/result-size.js';
import type { Listings } from './listings.js';
import type { ReadingAnswers } from './role.js';

/** Milliseconds that a warehouse has to answer one who asks. */
export const askTimeout = 30_000;

/** What people ask of warehouses, in whichever process. */
export function readingAnswers(outlet: (name: string) => Outlet, listings: Listings): ReadingAnswers {
  return {
    rows: ({ destination, table, limit }, signal) => newestRows(outlet(destination), table, limit, signal),
    query: ({ destination, sql, limit }, signal) => query(outlet(destination), sql, limit, signal),
    requestIds: (question) =>
      'cursor' in question
        ? listings.more(question.cursor)
        : listings.begin(outlet(question.destination), question.table, question.range),
  };
}

/** The newest rows of a table, from the warehouse itself. */
export async function newestRows(outlet: Outlet, table: string, limit: number, gone?: AbortSignal) {
  const { destination } = outlet;
  if (destination.latest === undefined) {
    throw new ConfigError(`destination ${outlet.name} cannot show rows; look in the warehouse itself`);
  }
  const signal = patienceOf(gone);
  await outlet.open(signal);
  const rows = await destination.latest(table, limit, signal);
  const size = new ResultSize();
  for (const { body } of rows) size.add(body.length);
  return rows;
}

/** One read-only statement. */
export async function query(outlet: Outlet, sql: string, limit: number, gone?: AbortSignal) {
  const { destination } = outlet;
  if (destination.query === undefined) {
    throw new ConfigError(`destination ${outlet.name} takes no queries; use the warehouse's own client`);
  }
  const signal = patienceOf(gone);
  await outlet.open(signal);
  return destination.query(sql, limit, signal);
}

/** @param gone fires when whoever asked does not wait any more */
function patienceOf(gone: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(askTimeout);
  return gone === undefined ? timeout : AbortSignal.any([timeout, gone]);
}

/** @throws ConfigError when there is none */
export function outletNamed(outlets: ReadonlyMap<string, Outlet>, name: string): Outlet {
  const outlet = outlets.get(name);
  if (outlet === undefined) throw new ConfigError(`there is no destination ${name}`);
  return outlet;
}
