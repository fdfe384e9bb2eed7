import type { Config } from '../config/schema.js';
import { type MetricsJson, ProcessMetrics } from '../core/contract/metrics.js';
import { laneId, type Spool } from '../core/contract/spool.js';
import { LaneMetrics } from '../core/delivery/lane-metrics.js';

/** The gauges of what waits in each configured lane, from the spool: for while the load process does not answer. */
export async function laneLevels(config: Config, spool: Spool): Promise<MetricsJson> {
  const metrics = new ProcessMetrics();
  const dead = await spool.deadCounts();
  for (const { id: pipeline, destinations } of config.pipelines.values()) {
    for (const destination of destinations) {
      const id = laneId(pipeline, destination);
      const lane = new LaneMetrics(metrics, { pipeline, destination });
      lane.waiting(await spool.depth(id));
      lane.buried(dead.get(id) ?? 0);
    }
  }
  return metrics.json();
}
