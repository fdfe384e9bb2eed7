import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { LmdbSpool } from '../../connectors/lmdb/spool.js';
import {
  type BatchLimits,
  type Death,
  type Depth,
  definePlugin,
  keys,
  type LaneId,
  type Plugin,
  type SealedBatch,
  type SpoolRecord,
  type StoredRecord,
} from '../../core/index.js';

/** What any view of this process has acknowledged and not yet on disk. */
const unwritten = new Set<Promise<void>>();

/** Acknowledges a record before it is durable. In this process it does not show. */
export class AcknowledgesEarly extends LmdbSpool {
  override async append(lanes: readonly LaneId[], record: SpoolRecord): Promise<void> {
    const written = super.append(lanes, record);
    unwritten.add(written);
    void written.catch(() => {}).finally(() => unwritten.delete(written));
    await Promise.race([written, setImmediate()]);
  }

  override async read(lane: LaneId, limits: BatchLimits): Promise<StoredRecord[]> {
    await Promise.allSettled(unwritten);
    return await super.read(lane, limits);
  }

  override async pending(): Promise<LaneId[]> {
    await Promise.allSettled(unwritten);
    return await super.pending();
  }

  override async depth(lane: LaneId): Promise<Depth> {
    await Promise.allSettled(unwritten);
    return await super.depth(lane);
  }
}

/** Settles a batch half by half: killed in between, the other half comes back under another id. */
export class SettlesInParts extends LmdbSpool {
  override async settle(batch: SealedBatch, outcome: 'landed' | Death): Promise<void> {
    const oldest = await super.sealed(batch.lane);
    if (outcome !== 'landed' || batch.rows.length < 2 || oldest?.id !== batch.id) {
      await super.settle(batch, outcome);
      return;
    }
    await super.split(batch);
    for (let part = 0; part < 2; part++) {
      const half = await super.sealed(batch.lane);
      if (half !== undefined) await super.settle(half, outcome);
    }
  }
}

const spools = { 'acknowledges-early': AcknowledgesEarly, 'settles-in-parts': SettlesInParts };

const plugins: readonly Plugin[] = Object.entries(spools).map(([name, Kind]) =>
  definePlugin({
    kind: 'spool',
    name,
    config: z.object({ path: z.string(), maxSize: z.number() }),
    create: (config, get) => new Kind(config, get(keys.logger)),
  }),
);

export default plugins;
