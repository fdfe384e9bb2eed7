import express, {
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { ConfigProblems } from '../config/problem.js';
import type { Config } from '../config/schema.js';
import { toChartRow } from '../core/contract/chart.js';
import { messageOf } from '../core/contract/errors.js';
import type { Logger } from '../core/contract/logger.js';
import type { Spool } from '../core/contract/spool.js';
import { mask } from '../core/host/mask.js';
import { RemoteError } from './channel.js';
import { instanceOf, webhookUrl } from './instance.js';
import { laneLevels } from './lane-levels.js';
import { overview } from './overview.js';
import type { Reload } from './reload.js';
import type { ListingQuestion } from './roles/role.js';
import type { Supervisor } from './supervisor.js';
import { Turns } from './turns.js';

export interface AdminParts {
  readonly config: Config;
  readonly supervisor: Supervisor;
  /** Open, for reading. */
  readonly spool: Spool;
  readonly logger: Logger;
  readonly reload: Reload;
}

/** Of queries, and of looks at rows: how many run at once, and how many wait. */
const [mostQueries, mostWaiting] = [2, 8];

/** Milliseconds. The load process gives up a query after 30 s by itself. */
const askTimeout = 35_000;

/** The request is wrong; the message tells how to put it right. */
class BadRequest extends Error {}

/**
 * The admin API: probes, metrics, and what the CLI cannot read from the disk, as a warehouse's file may
 * be locked by the load process. Answers are JSON; a failure is `{"error": "…"}`.
 * @param guard decides whom it answers; without one everybody who reaches it
 */
export function adminApp(
  { config, supervisor, spool, logger, reload }: AdminParts,
  guard?: RequestHandler,
): Express {
  const app = express();
  const turns = new Turns(mostQueries, mostWaiting);
  app.disable('x-powered-by').disable('etag');
  if (guard !== undefined) app.use(guard);

  app.get('/live', (_, response) => {
    response.json({ live: true });
  });
  app.get('/ready', async (_, response) => {
    const faults = await supervisor.faults();
    response.status(faults.length === 0 ? 200 : 503).json({ ready: faults.length === 0, faults });
  });
  app.get('/metrics', async (_, response) => {
    const text = await supervisor.metricsText(() => laneLevels(config, spool));
    response.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
  app.get('/api/instance', (_, response) => {
    response.json({ instance: instanceOf(config), pid: process.pid, processes: supervisor.processes() });
  });
  app.get('/api/pipelines', async (_, response) => {
    response.json(
      await overview(config, spool, await supervisor.lanes(), webhookUrl(config, supervisor.port)),
    );
  });
  app.get('/api/refused', async (request, response) => {
    const pipeline = textOf(request.query['pipeline']);
    const limit = limitOf(request.query['limit'], 20, 10_000);
    response.json(await supervisor.refusals({ limit, pipeline }));
  });
  app.get('/api/pipelines/:pipeline/rows', async (request, response) => {
    const pipeline = config.pipelines.get(request.params.pipeline);
    if (pipeline === undefined) throw new BadRequest(`there is no pipeline ${request.params.pipeline}`);
    const destination = textOf(request.query['destination']) ?? (pipeline.destinations[0] as string);
    if (!pipeline.destinations.includes(destination)) {
      throw new BadRequest(`pipeline ${pipeline.id} has no destination ${destination}`);
    }
    const limit = limitOf(request.query['limit'], 10, 10_000);
    const question = { destination, table: pipeline.table, limit };
    const rows = await turns.run(response, async (signal) => {
      const reading = await supervisor.reading(destination);
      return await reading.ask('rows', question, askTimeout, signal);
    });
    response.json(rows.map(toChartRow));
  });
  app.post('/api/reload', async (_, response) => {
    response.json(await reload.run());
  });
  app.post('/api/check', express.json({ limit: '1mb' }), async (request, response) => {
    const { destination, tables } = (request.body ?? {}) as Record<string, unknown>;
    if (typeof destination !== 'string' || !isListOfTexts(tables)) {
      throw new BadRequest('expected a JSON object with "destination" and "tables"');
    }
    const load = await supervisor.load();
    await load.ask('check', { destination, tables });
    response.json({ ok: true });
  });
  app.post('/api/query', express.json({ limit: '1mb' }), async (request, response) => {
    const { destination, sql, limit } = (request.body ?? {}) as Record<string, unknown>;
    if (typeof sql !== 'string' || typeof destination !== 'string') {
      throw new BadRequest('expected a JSON object with "destination" and "sql"');
    }
    const question = { destination, sql, limit: limitOf(limit, 1000, 100_000) };
    const result = await turns.run(response, async (signal) => {
      const reading = await supervisor.reading(destination);
      return await reading.ask('query', question, askTimeout, signal);
    });
    response.json(result);
  });
  app.post('/api/request-ids', express.json({ limit: '1mb' }), async (request, response) => {
    const { destination, question } = listingOf(request.body);
    const reading = await supervisor.reading(destination);
    const { ids, cursor } = await reading.ask('requestIds', question);
    response.json({ ids, ...(cursor !== undefined && { cursor: `${cursor}/${destination}` }) });
  });

  app.use((request, response) => {
    response.status(404).json({ error: `there is nothing at ${request.method} ${request.path}` });
  });
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const status = statusOf(error);
    if (response.destroyed) return;
    if (status >= 500) logger.warn({}, `the admin API could not answer: ${messageOf(error)}`);
    // Problems of a configuration are a line each.
    const text = error instanceof ConfigProblems ? mask(error.message) : messageOf(error);
    response.status(status).json({ error: text });
  });
  return app;
}

function statusOf(error: unknown): number {
  if (error instanceof BadRequest) return 400;
  if (error instanceof ConfigProblems || (error instanceof RemoteError && error.config)) return 422;
  return (error as { readonly status?: number }).status ?? 502;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function isListOfTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** Of a listing that is begun, or gone on with. */
function listingOf(body: unknown): { readonly destination: string; readonly question: ListingQuestion } {
  const { cursor, destination, table, from, to } = (body ?? {}) as Record<string, unknown>;
  if (typeof cursor === 'string') {
    // Which process has it is known by the destination.
    const [own = '', ...name] = cursor.split('/');
    return { destination: name.join('/'), question: { cursor: own } };
  }
  const isTime = typeof from === 'number' && typeof to === 'number';
  if (typeof destination === 'string' && typeof table === 'string' && isTime) {
    return { destination, question: { destination, table, range: { from, to } } };
  }
  throw new BadRequest(
    'expected a JSON object with "cursor", or with "destination", "table", "from" and "to" in seconds since the epoch',
  );
}

function limitOf(value: unknown, usual: number, most: number): number {
  if (value === undefined) return usual;
  const limit = Number(value);
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return limit;
  throw new BadRequest(`expected a limit from 1 to ${most}`);
}
