import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../core/contract/errors.js';
import { mint } from '../../core/operations/mint.js';
import { removeExpired } from '../expired-tokens.js';
import { CommandError } from './exit.js';
import { complain } from './output.js';
import type { Session } from './session.js';

const description = 'hookline send';

/** Until then a request may wait to be judged by it; nobody else ever knows it. */
const day = 86_400_000;

/** Milliseconds that a request is waited for, which is longer than most destinations let one wait for a batch. */
const patience = 5000;

/** What became of the request that a token was made for. */
export interface Sent {
  /** Of one that was accepted. */
  readonly requestId: string | undefined;
  /** A server runs that is about to judge it. */
  readonly isJudgedSoon: boolean;
}

/**
 * A token for one request. It is removed as soon as nothing waits to be judged by it, also when this process is told
 * to end; before, removing it would discard what was accepted.
 */
export class OwnToken {
  readonly key: string;
  readonly token: string;
  readonly #session: Session;
  readonly #interruption = new AbortController();

  private constructor(session: Session, key: string, token: string) {
    this.#session = session;
    this.key = key;
    this.token = token;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => this.#interruption.abort(new CommandError('interrupted')));
    }
  }

  static async create(session: Session, pipeline: string): Promise<OwnToken> {
    const store = await session.tokens();
    const expiresAt = new Date(Date.now() + day);
    const { token, stored } = mint({ description, pipelines: [pipeline], expiresAt });
    const own = new OwnToken(session, stored.key, token);
    await store.create(stored);
    // Those that had to be left.
    await removeExpired(store, description).catch(() => undefined);
    return own;
  }

  /** Aborted when this process is told to end. */
  get interrupted(): AbortSignal {
    return this.#interruption.signal;
  }

  async remove({ requestId, isJudgedSoon }: Sent): Promise<void> {
    if (requestId === undefined || (await this.#isJudged(requestId, isJudgedSoon ? patience : 0))) {
      await this.#delete();
    } else {
      complain(`It waits to be judged by its token, ${this.key}, which is left for a day.`);
    }
  }

  /** What was sent is sent, whatever becomes of its token. */
  async #delete(): Promise<void> {
    try {
      await (await this.#session.tokens()).delete?.(this.key);
    } catch (error) {
      complain(`The token ${this.key} could not be removed: ${messageOf(error)}`);
    }
  }

  async #isJudged(requestId: string, wait: number): Promise<boolean> {
    const spool = await this.#session.spool();
    const end = performance.now() + wait;
    for (;;) {
      const waiting = await spool.find(requestId);
      if (waiting.every(({ batch }) => batch !== undefined)) return true;
      if (performance.now() > end || this.interrupted.aborted) return false;
      await sleep(100, undefined, { signal: this.interrupted }).catch(() => undefined);
    }
  }
}
