import { timingSafeEqual } from 'node:crypto';
import { inject, injectable } from 'inversify';
import { RetryableError } from '../contract/errors.js';
import { parts } from '../contract/keys.js';
import { type SenderId, senderParts } from '../contract/sender.js';
import type { Discard, DiscardReason, StoredRecord } from '../contract/spool.js';
import type { Token, TokenStore } from '../contract/token-store.js';
import { TrustedClock, trustedClock } from '../host/trusted-clock.js';
import { vouched } from '../intake/request.js';
import { TokenUses } from './token-uses.js';

/** Deactivating a token takes effect within five seconds: look-ups are remembered for three. */
const rememberFor = 3000;
/** Past so many keys all are forgotten: senders choose the keys, so the memory for them is bounded. */
const mostRemembered = 10_000;
const openTimeout = 15_000;
/** Look-ups of one batch at once: senders choose the keys, and each unknown one costs a look-up. */
const atOnce = 16;

/** What became of the records of one read. */
export interface Verdicts {
  readonly rows: readonly StoredRecord[];
  readonly discarded: readonly Discard[];
}

/** Authentication in the second moment. A store that cannot answer makes it reject: the records wait. */
@injectable()
export class Authenticator {
  readonly #tokens: TokenStore;
  readonly #clock: TrustedClock;
  readonly #uses: TokenUses;
  readonly #remembered = new Map<
    string,
    { readonly at: number; readonly token: Promise<Token | undefined> }
  >();
  #opened: Promise<void> | undefined;

  constructor(
    @inject(parts.tokens) tokens: TokenStore,
    @inject(TrustedClock) clock: TrustedClock = trustedClock,
  ) {
    this.#tokens = tokens;
    this.#uses = new TokenUses(tokens);
    this.#clock = clock;
  }

  async judge(pipeline: string, records: readonly StoredRecord[], signal: AbortSignal): Promise<Verdicts> {
    await this.#open(signal);
    const rows: StoredRecord[] = [];
    const discarded: Discard[] = [];
    // What was mended a moment ago is what it was released for.
    for (const { released, key } of records) if (released === true) this.#remembered.delete(key);
    const asked = new Set<string>();
    for (const { authenticated, damaged, key } of records) {
      if (!authenticated && damaged !== true) asked.add(key);
    }
    const tokens = await this.#findAll(asked);
    const now = new Date();
    for (const record of records) {
      // Of a damaged one no token says anything; it is set aside where it would land.
      if (record.authenticated || record.damaged === true) {
        rows.push(record);
        continue;
      }
      const reason = recordFault(tokens.get(record.key), record.tokenDigest, pipeline, this.#clock);
      if (reason === uncertain) throw new RetryableError(this.#cannotTell(record.key));
      if (reason === undefined) rows.push(record);
      else discarded.push({ record, reason });
    }
    this.#uses.note(new Set(rows.map(({ key }) => key)), now);
    return { rows, discarded };
  }

  /** Those of the senders whose token is good now, on whatever pipeline. */
  async vouch(senders: readonly SenderId[], signal: AbortSignal): Promise<ReadonlySet<SenderId>> {
    await this.#open(signal);
    const tokens = await this.#findAll(new Set(senders.map((sender) => senderParts(sender).key)));
    const good = senders.filter((sender) => {
      const { key, tokenDigest } = senderParts(sender);
      const reason = recordFault(tokens.get(key), tokenDigest, undefined, this.#clock);
      // It keeps what it had: nothing lands by it meanwhile.
      return reason === undefined || reason === uncertain;
    });
    return new Set(good);
  }

  #cannotTell(key: string): string {
    return `whether the token with the key ${key} has expired cannot be told now: ${this.#clock.doubt}`;
  }

  /** The store is opened by the first who needs it: one that is down does not hold the start. */
  #open(signal: AbortSignal): Promise<void> {
    this.#opened ??= this.#openInTime(signal).catch((error) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** All lanes wait for this one: a store that neither answers nor fails must not hold them for ever. */
  async #openInTime(signal: AbortSignal): Promise<void> {
    const limit = AbortSignal.timeout(openTimeout);
    const late = new Promise<never>((_, reject) => {
      limit.addEventListener('abort', () => {
        reject(new RetryableError(`the token store did not open within ${openTimeout / 1000} seconds`));
      });
    });
    await Promise.race([this.#tokens.open(AbortSignal.any([signal, limit])), late]);
  }

  async #findAll(keys: ReadonlySet<string>): Promise<ReadonlyMap<string, Token | undefined>> {
    const wanted = [...keys];
    const found = new Map<string, Token | undefined>();
    for (let from = 0; from < wanted.length; from += atOnce) {
      const some = wanted.slice(from, from + atOnce);
      const tokens = await Promise.all(some.map((key) => this.#find(key)));
      for (const [at, key] of some.entries()) found.set(key, tokens[at]);
    }
    return found;
  }

  #find(key: string): Promise<Token | undefined> {
    const now = performance.now();
    const known = this.#remembered.get(key);
    if (known !== undefined && now - known.at < rememberFor) return known.token;
    if (this.#remembered.size >= mostRemembered) this.#remembered.clear();
    const token = this.#tokens.find(key);
    this.#remembered.set(key, { at: now, token });
    token.catch(() => this.#remembered.delete(key));
    return token;
  }

  /** Notes what was used since the last time; called when the load path ends. */
  async finish(): Promise<void> {
    await this.#uses.finish();
  }
}

/** Whether it has expired cannot be told: the clock was set. */
export const uncertain = 'not certain';

/** Why what came with a token of this digest does not land in the pipeline. */
export function recordFault(
  token: Token | undefined,
  tokenDigest: Uint8Array,
  pipeline: string | undefined,
  clock: TrustedClock = trustedClock,
): DiscardReason | typeof uncertain | undefined {
  const right =
    token === undefined ||
    timingSafeEqual(token.digest, tokenDigest) ||
    timingSafeEqual(vouched, tokenDigest);
  return right ? tokenFault(token, pipeline, clock) : 'wrong token';
}

/** Why a token of this key, whoever shows it, lets nothing into the pipeline. */
export function tokenFault(
  token: Token | undefined,
  pipeline: string | undefined,
  clock: TrustedClock = trustedClock,
): Exclude<DiscardReason, 'wrong token'> | typeof uncertain | undefined {
  if (token === undefined) return 'unknown key';
  if (!token.active) return 'deactivated token';
  const expired = token.expiresAt !== undefined && clock.hasPassed(token.expiresAt.getTime());
  if (expired === true) return 'expired token';
  if (pipeline !== undefined && token.pipelines?.includes(pipeline) === false) {
    return 'token not allowed on this pipeline';
  }
  return expired === undefined ? uncertain : undefined;
}
