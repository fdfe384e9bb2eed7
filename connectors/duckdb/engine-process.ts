/**
 * The process that a DuckDB file belongs to: forked by the one that has opened a destination on it, and ended with that.
 * A query that ends it, as DuckDB's own faults can, takes nothing else with it.
 */
import { readSync } from 'node:fs';
import { RetryableError } from '../../core/contract/errors.js';
import { DuckDBDestination, type DuckDBOptions } from './destination.js';
import {
  type EngineCalls,
  type FromEngine,
  type PackedBatch,
  rowsPipe,
  type ToEngine,
} from './engine-calls.js';
import { loadLibrary } from './instance.js';
import { sizeOf, unpackRows } from './packed-rows.js';
import { Scratch } from './scratch.js';
import { tell } from './told.js';

type Handlers = {
  readonly [C in keyof EngineCalls]: (
    destination: DuckDBDestination,
    signal: AbortSignal,
    ...parts: Parameters<EngineCalls[C]>
  ) => Promise<ReturnType<EngineCalls[C]>>;
};

/** By the numbers that whoever asks has given them. */
const destinations = new Map<number, DuckDBDestination>();
const lists = new Map<number, AsyncIterator<readonly string[]>>();
const scratch = new Scratch();
const running = new Map<number, AbortController>();

const handlers: Handlers = {
  open: (destination, signal) => destination.open(signal),
  ensureTable: (destination, signal, table) => destination.ensureTable(table, signal),
  check: (destination, signal, tables) => destination.check(tables, signal),
  write: async (destination, signal, { layout, ...batch }, rows = Buffer.alloc(0)) => {
    await destination.write({ ...batch, rows: unpackRows(layout, rows) }, signal);
    scratch.giveBack(rows);
  },
  retire: (destination, signal, batch) => destination.retire(batch, signal),
  newestBatch: (destination, signal, spool) => destination.newestBatch(spool, signal),
  latest: (destination, signal, table, limit) => destination.latest(table, limit, signal),
  query: (destination, signal, sql, limit) => destination.query(sql, limit, signal),
  list: async (destination, _, list, table, range) => {
    const pages = destination.requestIds(table, range, listSignal(list));
    lists.set(list, pages[Symbol.asyncIterator]());
  },
  next: async (_, signal, list) => {
    signal.addEventListener('abort', () => ends.get(list)?.abort(signal.reason), { once: true });
    const page = await lists.get(list)?.next();
    if (page === undefined) throw new RetryableError('the list was given up');
    return page.done ? undefined : page.value;
  },
  end: async (_, __, list) => {
    ends.get(list)?.abort(new RetryableError('the list was given up'));
    ends.delete(list);
    const pages = lists.get(list);
    lists.delete(list);
    await pages?.return?.();
  },
  close: (destination) => destination.close(),
};

const ends = new Map<number, AbortController>();

function listSignal(list: number): AbortSignal {
  const end = new AbortController();
  ends.set(list, end);
  return end.signal;
}

/** One that this process has not been asked of before is opened: its forerunner may have ended. */
async function destinationOf(number: number, options: DuckDBOptions, signal: AbortSignal) {
  let destination = destinations.get(number);
  if (destination === undefined) {
    destination = new DuckDBDestination(options);
    // DuckDB makes the log and what it needs beside by this. Several destinations on a file agree, or the last one says.
    process.umask(maskOf(options.mode ?? 0o600));
    destinations.set(number, destination);
  }
  await destination.attach();
  signal.throwIfAborted();
  return destination;
}

/** By it files get the mode, and who may read a folder may enter it. */
function maskOf(mode: number): number {
  return 0o777 & ~(mode | ((mode & 0o444) >> 2));
}

/** What follows a batch. Read without a return to the event loop, into the same memory again and again. */
function readRows({ layout }: PackedBatch): Buffer {
  const rows = scratch.take(sizeOf(layout));
  for (let at = 0; at < sizeOf(layout); ) {
    const count = readSync(rowsPipe, rows, at, sizeOf(layout) - at, null);
    if (count === 0) process.kill(process.pid, 'SIGKILL');
    at += count;
  }
  return rows;
}

async function answer(message: Exclude<ToEngine, { cancel: number }>): Promise<void> {
  const { id, destination: number, options, call } = message;
  const parts =
    call === 'write' ? [message.parts[0], readRows(message.parts[0] as PackedBatch)] : message.parts;
  const abort = new AbortController();
  running.set(id, abort);
  try {
    const destination = await destinationOf(number, options, abort.signal);
    const handle = handlers[call] as (
      destination: DuckDBDestination,
      signal: AbortSignal,
      ...parts: readonly unknown[]
    ) => Promise<unknown>;
    const value = await handle(destination, abort.signal, ...parts);
    if (call === 'close') destinations.delete(number);
    send({ id, value });
  } catch (error) {
    send({ id, fault: tell(error) });
  } finally {
    running.delete(id);
  }
}

function send(message: FromEngine): void {
  process.send?.(message);
}

process.title = 'hookline duckdb';
// It is needed at once; what is wrong with it is told when it is used.
void loadLibrary().catch(() => undefined);
// Whoever has forked it decides; Ctrl-C reaches every process of a terminal.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('SIGHUP', () => undefined);
// At once: the file is free then, and its log says what was committed.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('message', (message: ToEngine) => {
  if ('cancel' in message) running.get(message.cancel)?.abort(new RetryableError('it was given up'));
  else void answer(message);
});
if (!process.connected) process.kill(process.pid, 'SIGKILL');
