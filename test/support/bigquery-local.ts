/**
 * Serves bigquery-local on loopback alone: its own program listens everywhere, and fetches extensions of
 * DuckDB that are not needed here, nor is what is made of them. Arguments: the folder that it is installed in, the ports of REST and gRPC.
 */
import { createRequire } from 'node:module';
import { Server } from 'node:net';
import { join } from 'node:path';

interface Listening {
  listen(port: number): Promise<void>;
}
interface BigqueryLocal {
  createDb(options: { readonly path: string }): Promise<unknown>;
  ensureMetaSchema(db: unknown): Promise<void>;
  createServer(options: { readonly db: unknown }): Promise<Listening>;
  createGrpcServer(options: { readonly db: unknown; readonly host: string }): Listening;
}

const [folder = '', port, grpcPort] = process.argv.slice(2);
const main = join(folder, 'node_modules/bigquery-local/dist/index.js');

const { DuckDBConnection } = createRequire(main)('@duckdb/node-api') as {
  readonly DuckDBConnection: {
    readonly prototype: { run(sql: string, ...rest: unknown[]): Promise<unknown> };
  };
};
const { run } = DuckDBConnection.prototype;
DuckDBConnection.prototype.run = function (sql, ...rest) {
  return run.call(this, /^\s*(INSTALL|LOAD)\b|MACRO bq_st_/i.test(sql) ? 'SELECT 1' : sql, ...rest);
};

const { listen } = Server.prototype as unknown as { listen(...args: unknown[]): Server };
Object.assign(Server.prototype, {
  listen(this: Server, first: unknown, ...rest: unknown[]) {
    const onLoopback = typeof first === 'number' && typeof rest[0] !== 'string';
    return listen.call(this, ...(onLoopback ? [first, '127.0.0.1', ...rest] : [first, ...rest]));
  },
});

const { createDb, ensureMetaSchema, createServer, createGrpcServer } = (await import(main)) as BigqueryLocal;
const db = await createDb({ path: ':memory:' });
await ensureMetaSchema(db);
await (await createServer({ db })).listen(Number(port));
await createGrpcServer({ db, host: '127.0.0.1' }).listen(Number(grpcPort));
