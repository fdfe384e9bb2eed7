import { PermanentError } from '../contract/errors.js';

/** Bytes of a result that people are shown: it passes through processes that have other work, and is JSON in the end. */
export const longestResult = 16 * 1024 ** 2;

/** The code of a `PermanentError` that a result is refused with. */
export const resultTooLarge = 'RESULT_TOO_LARGE';

/** How large a result has become, row by row, so that nobody holds more of it than the limit. */
export class ResultSize {
  #bytes = 0;

  /** @throws PermanentError */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= longestResult) return;
    throw new PermanentError(
      `the result has more than ${longestResult / 1024 ** 2}MiB: ask for fewer rows, or for parts of their bodies`,
      { code: resultTooLarge },
    );
  }
}
