import type { Claim } from '../claim.js';
import { killClaims } from './kills.js';
import { leaseClaims } from './leases.js';
import { pageClaims } from './pages.js';
import { storeStages } from './stage.js';
import type { StoreSubject } from './subject.js';
import { tableClaims } from './tables.js';

/** What every store of the spool must hold to. Each claim has a storage of its own. */
export function storeClaims<S>(subject: StoreSubject<S>): Claim[] {
  const claim = storeStages(subject);
  return [
    ...pageClaims(subject, claim),
    ...tableClaims(claim),
    ...leaseClaims(subject, claim),
    ...killClaims(subject, claim),
  ];
}
