import type { Config } from '../config/schema.js';
import { type LaneId, laneId, laneParts, type Spool } from '../core/contract/spool.js';
import type { LaneReport } from '../core/delivery/engine.js';

/** One lane as an operator sees it: `hookline pipelines`, the admin API, the console. */
export interface LaneOverview {
  readonly pipeline: string;
  readonly name: string;
  readonly destination: string;
  readonly table: string;
  /** Where to post, without credentials. */
  readonly url: string;
  /** A lane's state; `stopped` when no load process runs; `removed` when it is in the configuration no more. */
  readonly state: LaneReport['state'] | 'stopped' | 'removed';
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
  const configured = [...config.pipelines.values()].flatMap((pipeline) =>
    pipeline.destinations.map((destination) => ({ ...pipeline, destination })),
  );
  const ids = new Set(configured.map(({ id, destination }) => laneId(id, destination)));
  const removed = [...new Set([...(await spool.pending()), ...dead.keys()])]
    .filter((id) => !ids.has(id))
    .map(orphaned);
  return Promise.all(
    [...configured, ...removed].map(async ({ id: pipeline, name, table, paused, destination }) => {
      const id = laneId(pipeline, destination);
      const { records, bytes, oldest } = await spool.depth(id);
      const report = reports.find((one) => one.pipeline === pipeline && one.destination === destination);
      const lag = oldest === undefined ? 0 : Math.max(0, Date.now() / 1000 - oldest);
      const error = ids.has(id) ? report?.error : removedNote;
      return {
        pipeline,
        name,
        destination,
        table,
        url: `${baseUrl}/?pipeline_id=${pipeline}`,
        state: ids.has(id) ? (report?.state ?? (paused ? 'paused' : 'stopped')) : 'removed',
        records,
        bytes,
        lag: Math.round(lag * 10) / 10,
        deadLetters: dead.get(id) ?? 0,
        discards: discards.filter(({ lane }) => lane === id).reduce((sum, { count }) => sum + count, 0),
        ...(report?.lastLanded === undefined
          ? {}
          : { lastLanded: new Date(report.lastLanded).toISOString() }),
        ...(error === undefined ? {} : { lastError: error }),
      };
    }),
  );
}

const removedNote = 'not in the configuration any more; what waits is kept: put the pipeline back to land it';

/** Of a lane that was taken out of the configuration only its two names are known. */
function orphaned(lane: LaneId) {
  const { pipeline, destination } = laneParts(lane);
  return { id: pipeline, name: '-', table: '-', paused: false, destination };
}
