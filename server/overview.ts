import type { Config } from '../config/schema.js';
import type { LaneReport } from '../core/engine.js';
import { laneId, type Spool } from '../core/spool.js';

/** One lane as an operator sees it: `hookline pipelines`, the admin API, the console. */
export interface LaneOverview {
  readonly pipeline: string;
  readonly name: string;
  readonly destination: string;
  readonly table: string;
  /** Where to post, without credentials. */
  readonly url: string;
  /** A lane's state, or `stopped` when no load process runs. */
  readonly state: LaneReport['state'] | 'stopped';
  /** Records that wait. */
  readonly records: number;
  /** Bytes of bodies that wait. */
  readonly bytes: number;
  /** Age of the oldest record that waits, in seconds. */
  readonly lag: number;
  readonly deadLetters: number;
  readonly discards: number;
  readonly lastLanded?: string;
  readonly lastError?: string;
}

/** @param reports what the load process says of its lanes; empty when there is none */
export async function overview(
  config: Config,
  spool: Spool,
  reports: readonly LaneReport[],
  baseUrl: string,
): Promise<LaneOverview[]> {
  const dead = await spool.deadCounts();
  const discards = await spool.discardCounts();
  const lanes = [...config.pipelines.values()].flatMap((pipeline) =>
    pipeline.destinations.map((destination) => ({ pipeline, destination })),
  );
  return Promise.all(
    lanes.map(async ({ pipeline, destination }) => {
      const id = laneId(pipeline.id, destination);
      const { records, bytes, oldest } = await spool.depth(id);
      const report = reports.find((one) => one.pipeline === pipeline.id && one.destination === destination);
      const lag = oldest === undefined ? 0 : Math.max(0, Date.now() / 1000 - oldest);
      return {
        pipeline: pipeline.id,
        name: pipeline.name,
        destination,
        table: pipeline.table,
        url: `${baseUrl}/?pipeline_id=${pipeline.id}`,
        state: report?.state ?? (pipeline.paused ? 'paused' : 'stopped'),
        records,
        bytes,
        lag: Math.round(lag * 10) / 10,
        deadLetters: dead.get(id) ?? 0,
        discards: discards.filter(({ lane }) => lane === id).reduce((sum, { count }) => sum + count, 0),
        ...(report?.lastLanded === undefined
          ? {}
          : { lastLanded: new Date(report.lastLanded).toISOString() }),
        ...(report?.error === undefined ? {} : { lastError: report.error }),
      };
    }),
  );
}
