import type { Channel } from './channel.js';
import type { Post } from './post.js';
import type { ReadAnswers } from './roles/role.js';

/** Milliseconds without a question, after which the process ends. Lists are kept for a minute. */
const idleAfter = 300_000;

/**
 * The process that reads warehouses for people: it is started when somebody asks, and whatever a question does to it,
 * lanes never notice.
 */
export class Reader {
  readonly #make: () => Post<ReadAnswers>;
  #post: Post<ReadAnswers> | undefined;
  #opening: Promise<void> | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(make: () => Post<ReadAnswers>) {
    this.#make = make;
  }

  /** Where there is a process just now. */
  get post(): Post<ReadAnswers> | undefined {
    return this.#post;
  }

  /** The way to ask it. */
  async channel(): Promise<Channel<ReadAnswers>> {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.close(1000), idleAfter);
    this.#idle.unref();
    if (this.#post === undefined) {
      this.#post = this.#make();
      this.#opening = this.#post.open();
    }
    const post = this.#post;
    try {
      await this.#opening;
    } catch (error) {
      await this.close(1000);
      throw error;
    }
    const channel = await post.ready(10_000);
    if (channel === undefined) throw new Error('the process that reads warehouses does not start');
    return channel;
  }

  /** Whoever asks next gets another process, by the configuration in force then. @param grace milliseconds */
  async close(grace: number): Promise<void> {
    clearTimeout(this.#idle);
    const post = this.#post;
    this.#post = undefined;
    await post?.close(grace);
  }
}
