import type { Config } from '../../config/schema.js';
import { ConfigError } from '../../core/contract/errors.js';
import type { Count, Level, Metrics } from '../../core/contract/metrics.js';
import type { Spool } from '../../core/contract/spool.js';

/** What the spool keeps for a while though it needs it no more: held discards, and receipts. */
export class Kept {
  readonly #spool: Spool;
  readonly #bytes: Level;
  readonly #thrownAway: Count;
  readonly #counted = new Map<string, number>();

  constructor(spool: Spool, metrics: Metrics) {
    this.#spool = spool;
    this.#bytes = metrics.gauge('hookline_kept_bytes', 'Bytes that the spool keeps for a while', ['kept']);
    this.#thrownAway = metrics.counter(
      'hookline_kept_thrown_away_total',
      'Entries not kept, or not to their end, for want of room, since the spool was made',
      ['kept'],
    );
  }

  /**
   * Prepares to tell the spool how long it keeps them.
   *
   * @throws ConfigError when it cannot
   */
  prepare({ discards, receipts }: Config): () => void {
    const { quarantine, receipts: own } = this.#spool;
    if (discards !== undefined && quarantine === undefined) {
      throw new ConfigError(
        'discards: this spool holds nothing that failed authentication; leave the section out',
      );
    }
    if (receipts !== undefined && own === undefined) {
      throw new ConfigError('receipts: this spool remembers nothing that has landed; leave the section out');
    }
    return () => {
      quarantine?.keep(discards?.keep);
      own?.keep(receipts?.keep);
    };
  }

  /** Brings the metrics up to date; a spool that cannot be read leaves them as they are. */
  async report(): Promise<void> {
    const { quarantine, receipts } = this.#spool;
    for (const [kept, counts] of Object.entries({ discards: quarantine, receipts })) {
      const now = await counts?.counts().catch(() => undefined);
      if (now === undefined) continue;
      this.#bytes.set(now.bytes, { kept });
      this.#thrownAway.add(Math.max(0, now.thrownAway - (this.#counted.get(kept) ?? 0)), { kept });
      this.#counted.set(kept, now.thrownAway);
    }
  }
}
