/** Which spool has sealed a batch, and as which of all that it has ever sealed. */
export interface Origin {
  readonly spool: string;
  /** From 1. Each seal, and each half of a split, has a higher one than all before. */
  readonly serial: number;
}

/** Of one spool's batches in a destination the one with the highest serial. */
export interface NewestBatch {
  readonly id: string;
  readonly serial: number;
}

/** What a spool expects of a destination that it has not heard of since it was started. */
export interface Expectation {
  /** Where its serial was: the destination cannot have a higher one of a batch of before. */
  readonly serial: number;
  /** The destination has a higher one all the same. */
  readonly conflict?: NewestBatch;
}

/**
 * A spool's serial. It is noted in the ledger of each destination, so that a spool which was restored from a backup
 * or copied is told from the one that went on: the ledger has a higher serial than this spool has ever given. What
 * such a spool holds may have landed already, under ids that it does not know.
 */
export interface Serials {
  /** The spool's id, and the highest serial that it has given. */
  current(): Promise<Origin>;

  /**
   * Notes of each of these destinations what the serial is now, unless it is noted already. So that what others get
   * meanwhile does not hide what this one has, however long it is down, and over restarts. By the claim's holder.
   */
  expect(destinations: readonly string[]): Promise<void>;

  /** What is noted of a destination; `undefined` when it was heard of. */
  expectation(destination: string): Promise<Expectation | undefined>;

  /** Whether this spool itself has sealed the batch, as far as it still knows: it waits, or a receipt of it is kept. */
  has(batch: string): Promise<boolean>;

  /** Notes that the destination has a batch which this spool has not sealed. By the claim's holder. */
  dispute(destination: string, conflict: NewestBatch): Promise<void>;

  /** Forgets what is noted of the destination: from now on serials are above this one, too. By the claim's holder. */
  agree(destination: string, above: number): Promise<void>;

  /**
   * Somebody says that the conflict is meant: it is expected from now on. Any process may; false when none is noted,
   * unless the conflict is given.
   */
  accept(destination: string, conflict?: NewestBatch): Promise<boolean>;
}
