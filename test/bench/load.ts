import autocannon from 'autocannon';

export interface LoadResult {
  /** Answers with 200 a second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly accepted: number;
  /** Answers other than 200, and connections that failed. */
  readonly failed: number;
}

/** A body of 0.5 KB, as a webhook has it. */
export const body = JSON.stringify({
  event_type: 'CONVERSION',
  event_uuid: 'c2f3d2b3-7250-4d27-97f4-eef38be32f7f',
  contact: {
    name: 'Maria Silva',
    email: 'maria@example.com',
    tags: ['newsletter', 'são paulo'],
    score: 87.5,
  },
  note: 'x'.repeat(300),
});

/**
 * Posts over so many connections for so many seconds, from this process.
 * @param rate answers a second at most; as many as possible unless given
 */
export async function load(
  url: string,
  connections: number,
  seconds: number,
  rate?: number,
): Promise<LoadResult> {
  const result = await autocannon({
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    connections,
    duration: seconds,
    ...(rate === undefined ? {} : { overallRate: rate }),
  });
  return {
    rate: result['2xx'] / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    accepted: result['2xx'],
    failed: result.non2xx + result.errors,
  };
}
