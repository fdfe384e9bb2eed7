/** Requests of one pipeline that were refused alike, one after the other. It holds nothing of a body, and no token. */
export interface Refusal {
  /** The pipeline that they named; empty where they named none of the configuration. */
  readonly pipeline: string;
  /** Milliseconds since the epoch, of the last one. */
  readonly at: number;
  readonly count: number;
  /** As it was answered. */
  readonly error: string;
  /** The client's address; empty where nobody knows it. */
  readonly client: string;
  /** These three are of the first one. Bytes, where the head or the body told. */
  readonly size?: number;
  readonly contentType?: string;
  readonly userAgent?: string;
}

/** What is told of a refused request only if it begins a new entry: to look fields up costs more than to count. */
export type RefusalDetails = () => Pick<Refusal, 'size' | 'contentType' | 'userAgent'>;

/** Of each pipeline. */
const kept = 50;

/** The last refusals of each pipeline, in memory: for the operator, as the sender may not tell. */
export class Refusals {
  readonly #pipelines = new Map<string, Refusal[]>();

  /** @param pipeline of the configuration, or empty: so there are never more of these than pipelines */
  note(pipeline: string, error: string, client: string, details: RefusalDetails): void {
    const refusals = this.#pipelines.get(pipeline) ?? [];
    if (refusals.length === 0) this.#pipelines.set(pipeline, refusals);
    const at = Date.now();
    const last = refusals.at(-1);
    if (last?.error === error && last.client === client) {
      refusals[refusals.length - 1] = { ...last, at, count: last.count + 1 };
      return;
    }
    if (refusals.length >= kept) refusals.shift();
    refusals.push({ pipeline, at, count: 1, error, client, ...details() });
  }

  /** The newest ones, newest first. @param pipeline of this one alone */
  list(limit: number, pipeline?: string): Refusal[] {
    const some =
      pipeline === undefined ? [...this.#pipelines.values()] : [this.#pipelines.get(pipeline) ?? []];
    return newest(some.flat(), limit);
  }
}

export function newest(refusals: readonly Refusal[], limit: number): Refusal[] {
  return [...refusals].sort((a, b) => b.at - a.at).slice(0, limit);
}
