import type { Claim } from '../claim.js';
import { changingClaims } from './changing.js';
import { failureClaims } from './failures.js';
import { findingClaims } from './finding.js';
import { tokenStoreStages } from './stage.js';
import type { TokenStoreSubject } from './subject.js';

/** What every token store must hold to. Run the claims one after the other, as they share one storage. */
export function tokenStoreClaims(subject: TokenStoreSubject): Claim[] {
  const claim = tokenStoreStages(subject);
  return [
    ...findingClaims(subject, claim),
    ...changingClaims(subject, claim),
    ...failureClaims(subject, claim),
  ];
}
