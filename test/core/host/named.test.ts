import { expect } from 'chai';
import { never, refused } from '../../../core/conformance/index.js';
import type { Destination } from '../../../core/contract/destination.js';
import {
  ConfigError,
  instructionOf,
  messageOf,
  PermanentError,
  RetryableError,
} from '../../../core/contract/errors.js';
import { named } from '../../../core/host/named.js';

class Failing implements Destination {
  readonly #error: unknown;

  constructor(error: unknown) {
    this.#error = error;
  }

  async open(): Promise<void> {
    throw this.#error;
  }

  partition(): string {
    return 'hour=13';
  }

  async ensureTable(): Promise<void> {}
  async check(): Promise<void> {}
  async write(): Promise<void> {}

  async close(): Promise<void> {
    expect(this.#error).to.equal(undefined);
  }
}

/** What comes out of an instance that throws this. */
const thrown = (error: unknown, signal = never): Promise<Error> =>
  refused(named<Destination>(new Failing(error), 'warehouse').open(signal));

describe("an instance's name", () => {
  it('stands in front of its instructions, which keep their kind, delay and cause', async () => {
    const cause = new RetryableError('no answer', { delay: 1234 });
    const error = await thrown(cause);
    expect(messageOf(error)).to.equal('warehouse: no answer');
    expect(instructionOf(error)).to.equal('retry');
    expect(error).to.include({ delay: 1234, cause });
    expect(cause.message).to.equal('no answer');
  });

  it("keeps the code of the warehouse's own", async () => {
    const error = await thrown(new PermanentError('it refuses a row', { code: '23514' }));
    expect(error).to.include({ message: 'warehouse: it refuses a row', code: '23514' });
  });

  it('is not said twice', async () => {
    expect(messageOf(await thrown(new ConfigError('warehouse: no such table')))).to.equal(
      'warehouse: no such table',
    );
  });

  it('leaves a bug as it is, and the reason of an abort', async () => {
    const bug = new TypeError('x is not a function');
    expect(await thrown(bug)).to.equal(bug);
    const late = new RetryableError('destination warehouse did not finish');
    expect(await thrown(late, AbortSignal.abort(late))).to.equal(late);
  });

  it('changes nothing else: private fields work, an answer stays one, and what is not there is not there', async () => {
    const instance: Destination = named<Destination>(new Failing(undefined), 'warehouse');
    await instance.close();
    expect(instance.latest).to.equal(undefined);
    expect(instance.partition?.({ requestId: '', timestamp: 0, key: '', body: Buffer.of() })).to.equal(
      'hour=13',
    );
    expect(instance).to.be.instanceOf(Failing);
  });
});
