import { inspect } from 'node:util';
import { messageOf } from '../contract/errors.js';
import { that } from './proof.js';

/** That no error, with its causes and whatever hangs on them, shows a secret, plain or encoded. */
export function expectDiscreet(errors: readonly unknown[], secrets: readonly string[]): void {
  for (const error of errors) {
    const texts = [messageOf(error), inspect(error, { depth: 10, showHidden: true })];
    for (const [at, secret] of secrets.entries()) {
      const shown = texts.some((text) => disguises(secret).some((form) => text.includes(form)));
      // The failure itself must not show it either.
      that(
        'an error with its causes',
        !shown,
        'none of the secrets of the subject',
        `number ${at + 1} of them, in a ${error instanceof Error ? error.name : typeof error}`,
      );
    }
  }
}

function disguises(secret: string): readonly string[] {
  return [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
}
