import { instructionOf, messageOf } from '../core/errors.js';

/** One end of the IPC between the supervisor and a child process. */
export interface Endpoint {
  send?(message: unknown, done: (error: Error | null) => void): unknown;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

/** What one side answers: a function of one argument for each question. */
export type Answers = Readonly<Record<string, (argument: never) => unknown>>;

type Argument<F> = F extends (argument: infer A) => unknown ? A : never;
type Answer<F> = F extends (argument: never) => infer R ? Awaited<R> : never;

type Message =
  | { readonly kind: 'ask'; readonly id: number; readonly question: string; readonly argument: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly message: string; readonly config: boolean };

/** The other side refused or failed; `config` tells that its set-up is at fault. */
export class RemoteError extends Error {
  readonly config: boolean;

  constructor(message: string, config: boolean) {
    super(message);
    this.name = 'RemoteError';
    this.config = config;
  }
}

/** The other side ended before it answered. */
export class ProcessEnded extends RemoteError {
  constructor() {
    super('the process ended', false);
    this.name = 'ProcessEnded';
  }
}

/** Questions and answers over IPC. `Asked` is what the other side answers. */
export class Channel<Asked extends object> {
  readonly #end: Endpoint;
  readonly #waiting = new Map<
    number,
    { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }
  >();
  #last = 0;

  /** @param answers what this side answers; looked up at each question */
  constructor(end: Endpoint, answers: Answers) {
    this.#end = end;
    end.on('message', (message) => this.#receive(message as Message, answers));
    end.on('disconnect', () => this.#lose());
  }

  /** @param timeout milliseconds */
  ask<Q extends keyof Asked & string>(
    question: Q,
    argument: Argument<Asked[Q]>,
    timeout = 30_000,
  ): Promise<Answer<Asked[Q]>> {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      const settle = () => {
        clearTimeout(timer);
        this.#waiting.delete(id);
      };
      const timer = setTimeout(() => {
        settle();
        reject(new RemoteError(`no answer to ${question} within ${timeout} ms`, false));
      }, timeout);
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
      this.#waiting.get(message.id)?.reject(new RemoteError(message.message, message.config));
    }
  }

  async #answer(
    { id, question, argument }: Extract<Message, { kind: 'ask' }>,
    answers: Answers,
  ): Promise<void> {
    try {
      const answer = answers[question];
      if (answer === undefined) throw new Error(`nobody answers ${question} here`);
      this.#send({ kind: 'answer', id, value: await answer(argument as never) });
    } catch (error) {
      this.#send({ kind: 'error', id, message: messageOf(error), config: instructionOf(error) === 'config' });
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
