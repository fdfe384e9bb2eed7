import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from './hookline.js';

/** What a sender was told: the only source of truth about what must have landed. */
export interface Ack {
  readonly requestId: string;
  readonly timestamp: number;
  readonly body: Buffer;
}

/** A row as it was found in a warehouse, by a reader that knows nothing of Hookline. */
export interface FoundRow {
  readonly requestId: string;
  readonly timestamp: number;
  readonly key: string;
  readonly body: Uint8Array;
}

/** Posts without `fetch`: a reset connection is nothing special here. Resolves to `undefined` when no answer came. */
export function post(
  url: string,
  body: Buffer,
  agent: Agent,
): Promise<{ status: number; answer: Answer } | undefined> {
  return new Promise((resolve) => {
    const call = request(
      url,
      { method: 'POST', agent, headers: { 'Content-Length': body.length } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => resolve(undefined));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, answer: JSON.parse(text) as Answer });
        });
      },
    );
    call.on('error', () => resolve(undefined));
    call.end(body);
  });
}

/** Counts the connections that it makes. */
class CountingAgent extends Agent {
  made = 0;

  override createConnection(
    ...call: Parameters<Agent['createConnection']>
  ): ReturnType<Agent['createConnection']> {
    this.made++;
    return super.createConnection(...call);
  }
}

/** Posts numbered bodies over several connections until it is stopped, and keeps the acks. */
export class Sender {
  readonly acks: Ack[] = [];
  /** Requests without an answer or with another one than 200: each may have landed, once. */
  unanswered = 0;
  readonly #url: string;
  readonly #agent: CountingAgent;
  readonly #pause: number;
  readonly #text: string;
  #stopped = false;
  #number = 0;
  readonly #running: Promise<unknown>;

  /**
   * @param pause milliseconds that each connection waits after an answer; without one they would take a core
   * @param text in each body
   */
  constructor(url: string, connections: number, pause = 5, text = 'ä"\\\n'.repeat(20)) {
    this.#url = url;
    this.#pause = pause;
    this.#text = text;
    this.#agent = new CountingAgent({ keepAlive: true, maxSockets: connections });
    this.#running = Promise.all(Array.from({ length: connections }, () => this.#send()));
  }

  /** How many connections it has made so far: more than it has open when some were dropped. */
  get connections(): number {
    return this.#agent.made;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    this.#agent.destroy();
  }

  async #send(): Promise<void> {
    while (!this.#stopped) {
      const body = Buffer.from(JSON.stringify({ number: ++this.#number, text: this.#text }));
      const reply = await post(this.#url, body, this.#agent);
      const data = reply?.answer.data;
      if (reply?.status === 200 && data !== undefined) {
        this.acks.push({
          requestId: data.__kdd_request_id,
          timestamp: data.__kdd_request_unix_timestamp,
          body,
        });
        if (this.#pause > 0) await sleep(this.#pause);
      } else {
        this.unanswered++;
        await sleep(20);
      }
    }
  }
}

export interface Verdict {
  /** Acked, but not in the warehouse. */
  readonly lost: number;
  /** In the warehouse more than once. */
  readonly doubled: number;
  /** In the warehouse with another body, timestamp or key than was acked. */
  readonly altered: number;
  /** In the warehouse without an ack. */
  readonly unacked: number;
}

export const flawless = { lost: 0, doubled: 0, altered: 0 } as const;

/** Holds a warehouse against the sender's log; the server is not asked. */
export function compare(acks: readonly Ack[], rows: readonly FoundRow[], key: string): Verdict {
  const found = new Map<string, FoundRow>();
  let doubled = 0;
  for (const row of rows) {
    if (found.has(row.requestId)) doubled++;
    found.set(row.requestId, row);
  }
  let lost = 0;
  let altered = 0;
  for (const ack of acks) {
    const row = found.get(ack.requestId);
    found.delete(ack.requestId);
    if (row === undefined) lost++;
    else if (!Object.is(row.timestamp, ack.timestamp) || row.key !== key || !ack.body.equals(row.body))
      altered++;
  }
  return { lost, doubled, altered, unacked: found.size };
}
