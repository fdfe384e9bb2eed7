/**
 * A spool's note of which batches are being written, for whoever claims it next: it tells which of them its
 * predecessor was killed at. It outlives the process and its container, and costs no flush; so a power cut may take it.
 * By the claim's holder alone; for all others there is none.
 */
export interface Attempts {
  /** How many processes have died while they wrote the batch. */
  deaths(batch: string): number;
  begin(batch: string): void;
  /** A process that wrote the batch for this one has died: it counts as if this one had. */
  died(batch: string): void;
  /** @param over it has landed, died or was split: it is never written again */
  end(batch: string, over: boolean): void;
}
