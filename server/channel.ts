import { instructionOf, messageOf } from '../core/contract/errors.js';
import { resultTooLarge } from '../core/kit/result-size.js';

/** One end of the IPC between the supervisor and a child process. */
export interface Endpoint {
  send?(message: unknown, done: (error: Error | null) => void): unknown;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

/** What one side answers: a function for each question; its signal fires when nobody wants the answer any more. */
export type Answers = Readonly<Record<string, (argument: never, signal: AbortSignal) => unknown>>;

type Argument<F> = F extends (argument: infer A, signal: AbortSignal) => unknown ? A : never;
type Answer<F> = F extends (argument: never, signal: AbortSignal) => infer R ? Awaited<R> : never;

type Message =
  | { readonly kind: 'ask'; readonly id: number; readonly question: string; readonly argument: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | ({ readonly kind: 'error'; readonly id: number; readonly message: string } & Verdict)
  | { readonly kind: 'cancel'; readonly id: number };

interface Verdict {
  readonly config: boolean;
  /** As the admin API answers. */
  readonly status?: number | undefined;
}

/** The other side refused or failed; `config` tells that its set-up is at fault. */
export class RemoteError extends Error {
  readonly config: boolean;
  readonly status: number | undefined;

  constructor(message: string, config: boolean, status?: number) {
    super(message);
    this.name = 'RemoteError';
    this.config = config;
    this.status = status;
  }
}

/** The other side ended before it answered. */
export class ProcessEnded extends RemoteError {
  constructor() {
    super('the process ended', false);
    this.name = 'ProcessEnded';
  }
}

/** Whoever asked has gone. */
class NobodyWaits extends Error {
  constructor() {
    super('nobody waits for the answer any more');
  }
}

/** That it cannot be had is the fault of whoever asks, or of the set-up, or of neither. */
function verdictOn(error: unknown): Verdict {
  const { status, code } = error as { readonly status?: number; readonly code?: string };
  const instruction = instructionOf(error);
  const permanent = code === resultTooLarge ? 413 : 400;
  return {
    config: instruction === 'config',
    status: instruction === 'permanent' ? permanent : status,
  };
}

/** Questions and answers over IPC. `Asked` is what the other side answers. */
export class Channel<Asked extends object> {
  readonly #end: Endpoint;
  readonly #waiting = new Map<
    number,
    { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }
  >();
  readonly #answering = new Map<number, AbortController>();
  #last = 0;

  /** @param answers what this side answers; looked up at each question */
  constructor(end: Endpoint, answers: Answers) {
    this.#end = end;
    end.on('message', (message) => this.#receive(message as Message, answers));
    end.on('disconnect', () => this.#lose());
  }

  /**
   * @param timeout milliseconds
   * @param signal ends the waiting, and what the other side does for it
   */
  ask<Q extends keyof Asked & string>(
    question: Q,
    argument: Argument<Asked[Q]>,
    timeout = 30_000,
    signal?: AbortSignal,
  ): Promise<Answer<Asked[Q]>> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const id = ++this.#last;
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', cancel);
        this.#waiting.delete(id);
      };
      const giveUp = (reason: unknown) => {
        settle();
        this.#send({ kind: 'cancel', id });
        reject(reason);
      };
      const cancel = () => giveUp(signal?.reason);
      signal?.addEventListener('abort', cancel, { once: true });
      const late = new RemoteError(`no answer to ${question} within ${timeout} ms`, false);
      const timer = setTimeout(() => giveUp(late), timeout);
      this.#waiting.set(id, {
        resolve: (value) => {
          settle();
          resolve(value as Answer<Asked[Q]>);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      this.#send({ kind: 'ask', id, question, argument });
    });
  }

  #receive(message: Message, answers: Answers): void {
    if (message.kind === 'ask') void this.#answer(message, answers);
    else if (message.kind === 'answer') this.#waiting.get(message.id)?.resolve(message.value);
    else if (message.kind === 'error') {
      const { message: text, config, status } = message;
      this.#waiting.get(message.id)?.reject(new RemoteError(text, config, status));
    } else if (message.kind === 'cancel') this.#answering.get(message.id)?.abort(new NobodyWaits());
  }

  async #answer(
    { id, question, argument }: Extract<Message, { kind: 'ask' }>,
    answers: Answers,
  ): Promise<void> {
    const abort = new AbortController();
    this.#answering.set(id, abort);
    try {
      const answer = answers[question];
      if (answer === undefined) throw new Error(`nobody answers ${question} here`);
      this.#send({ kind: 'answer', id, value: await answer(argument as never, abort.signal) });
    } catch (error) {
      this.#send({ kind: 'error', id, message: messageOf(error), ...verdictOn(error) });
    } finally {
      this.#answering.delete(id);
    }
  }

  #send(message: Message): void {
    this.#end.send?.(message, (error) => {
      if (error !== null) this.#lose();
    });
  }

  #lose(): void {
    for (const { reject } of this.#waiting.values()) reject(new ProcessEnded());
  }
}
