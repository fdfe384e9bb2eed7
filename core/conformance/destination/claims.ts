import type { Claim } from '../claim.js';
import { failureClaims } from './failures.js';
import { killClaims } from './kills.js';
import { listingClaims } from './listing.js';
import { nameClaims } from './names.js';
import { originClaims } from './origins.js';
import { retiringClaims } from './retiring.js';
import { rowClaims } from './rows.js';
import { destinationStages } from './stage.js';
import type { DestinationSubject } from './subject.js';
import { tableClaims } from './tables.js';
import { writeClaims } from './writes.js';

/**
 * What every destination must hold to. Claims are independent of each other; run them one after the
 * other, as they share the subject's storage. The slowest takes some 20 seconds.
 */
export function destinationClaims(subject: DestinationSubject): Claim[] {
  const claim = destinationStages(subject);
  return [
    ...tableClaims(subject, claim),
    ...nameClaims(claim),
    ...rowClaims(subject, claim),
    ...listingClaims(subject, claim),
    ...writeClaims(subject, claim),
    ...originClaims(claim),
    ...retiringClaims(subject, claim),
    ...failureClaims(subject, claim),
    ...killClaims(subject, claim),
  ];
}
