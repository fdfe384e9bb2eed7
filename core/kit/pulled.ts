import { deferred } from './deferred.js';

/** Ends the work that offers what nobody asks for any more. */
class NotWanted extends Error {
  constructor() {
    super('nobody asks for more');
  }
}

/**
 * What work offers, as somebody asks for it: for lists out of something that is open for one call only, such as
 * a session of a pool. `offer` resolves when the next one is asked for. When nobody asks any more it rejects,
 * and the generator is over when the work is.
 */
export async function* pulled<T>(
  work: (offer: (value: T) => Promise<void>) => Promise<void>,
): AsyncGenerator<T, void, undefined> {
  let offered = deferred<{ readonly value: T } | undefined>();
  let asked = deferred<void>();
  let isWanted = true;
  const working = work((value) => {
    if (!isWanted) return Promise.reject(new NotWanted());
    asked = deferred();
    offered.resolve({ value });
    return asked.promise;
  }).then(
    () => offered.resolve(undefined),
    (error: unknown) => offered.reject(error),
  );
  try {
    for (;;) {
      const next = await offered.promise;
      if (next === undefined) return;
      offered = deferred();
      yield next.value;
      asked.resolve();
    }
  } finally {
    isWanted = false;
    asked.reject(new NotWanted());
    await working;
  }
}
