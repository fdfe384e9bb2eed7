import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableError } from 'hookline/plugin';
import type { Service } from './service.js';
import type { Statistics } from './statistics.js';

/** What the API answers of a job; of it what we look at. */
export interface Job {
  readonly jobReference?: { readonly jobId?: string };
  readonly configuration?: {
    readonly query?: { readonly query?: string };
    readonly load?: object;
  };
  readonly status?: {
    readonly state?: string;
    readonly errorResult?: { readonly reason?: string; readonly message?: string };
  };
  readonly statistics?: {
    /** Milliseconds since the epoch. */
    readonly creationTime?: string;
    readonly query?: { readonly totalBytesBilled?: string };
  };
}

/** A job under a batch's id; `n` counts the tries whose jobs have failed. */
export interface Attempt {
  readonly n: number;
  readonly job: Job;
}

/** Milliseconds between looks at a job that runs. */
const patience = [150, 250, 400, 700, 1000, 1500, 2000];

/**
 * The jobs under a batch's id. BigQuery takes an id once in a project and location, and remembers it for
 * six months: of any two that begin the same batch, the second is told so. That is what decides.
 */
export class Jobs {
  readonly #service: Service;
  readonly #statistics: Statistics;
  readonly #labels: Readonly<Record<string, string>>;

  constructor(service: Service, statistics: Statistics, labels: Readonly<Record<string, string>>) {
    this.#service = service;
    this.#statistics = statistics;
    this.#labels = labels;
  }

  /**
   * The last try of a batch; `undefined` when there is none. Each follows one that has come to nothing, so
   * they are numbered without a gap: usually one look, and few however many there are.
   */
  async last(batch: string, location: string, signal: AbortSignal): Promise<Attempt | undefined> {
    let found: Attempt | undefined;
    let missing = 0;
    for (;;) {
      const next = await this.#find(batch, missing, location, signal);
      if (next === undefined) break;
      found = next;
      missing = missing * 2 + 1;
    }
    while (found !== undefined && missing - found.n > 1) {
      const middle: number = (found.n + missing) >> 1;
      const next = await this.#find(batch, middle, location, signal);
      if (next === undefined) missing = middle;
      else found = next;
    }
    return found;
  }

  /** Begins a query under the batch's id; or resolves to the job that has it already. */
  async query(
    batch: string,
    n: number,
    location: string,
    query: string,
    signal: AbortSignal,
  ): Promise<Attempt> {
    const body = {
      ...this.#head(batch, n, location),
      configuration: { labels: this.#labels, query: { query, useLegacySql: false } },
    };
    const call = { doing: `fixing the stream of batch ${batch}`, path: '/jobs', body };
    return await this.#insert(batch, n, location, call, signal);
  }

  /** Begins a load job under the batch's id; or resolves to the job that has it already. */
  async load(
    batch: string,
    n: number,
    location: string,
    load: object,
    lines: (head: object) => { readonly stream: Readable; readonly type: string },
    signal: AbortSignal,
  ): Promise<Attempt> {
    const head = { ...this.#head(batch, n, location), configuration: { labels: this.#labels, load } };
    const call = { doing: `loading batch ${batch}`, path: '/jobs', upload: lines(head) };
    return await this.#insert(batch, n, location, call, signal);
  }

  /** Waits until the job has ended, however. */
  async ended({ n, job }: Attempt, location: string, signal: AbortSignal): Promise<Attempt> {
    const id = job.jobReference?.jobId ?? '';
    let now = job;
    for (let look = 0; now.status?.state !== 'DONE'; look++) {
      await sleep(patience[look] ?? patience.at(-1), undefined, { signal });
      now = await this.#service.call<Job>(
        { doing: `looking at job ${id}`, method: 'GET', path: `/jobs/${id}`, query: { location } },
        signal,
      );
    }
    this.#statistics.job(
      now.configuration?.load === undefined ? 'query' : 'load',
      hasFailed(now) ? 'failed' : 'done',
    );
    this.#statistics.billed(Number(now.statistics?.query?.totalBytesBilled ?? 0));
    return { n, job: now };
  }

  #head(batch: string, n: number, location: string): object {
    const { project } = this.#service;
    return { jobReference: { projectId: project, jobId: jobId(batch, n), location } };
  }

  async #find(batch: string, n: number, location: string, signal: AbortSignal): Promise<Attempt | undefined> {
    const job = await this.#service.callUnless<Job>(
      404,
      {
        doing: `looking for batch ${batch}`,
        permission: 'bigquery.jobs.create',
        method: 'GET',
        path: `/jobs/${jobId(batch, n)}`,
        query: { location },
      },
      signal,
    );
    return job && { n, job };
  }

  async #insert(
    batch: string,
    n: number,
    location: string,
    call: {
      readonly doing: string;
      readonly path: string;
      readonly body?: object;
      readonly upload?: { readonly stream: Readable; readonly type: string };
    },
    signal: AbortSignal,
  ): Promise<Attempt> {
    const job = await this.#service.callUnless<Job>(
      409,
      { ...call, method: 'POST', permission: 'bigquery.jobs.create' },
      signal,
    );
    if (job !== undefined) return { n, job };
    const other = await this.#find(batch, n, location, signal);
    if (other !== undefined) return other;
    throw new RetryableError(`${call.doing}: its job is there already, but does not show yet`);
  }
}

export function hasFailed({ status }: Job): boolean {
  return status?.errorResult !== undefined;
}

/** Letters, digits, - and _, as BigQuery wants it. */
function jobId(batch: string, n: number): string {
  return `hookline_${batch}_${n}`;
}
