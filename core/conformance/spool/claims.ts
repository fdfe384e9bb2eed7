import type { Claim } from '../claim.js';
import { appendingClaims } from './appending.js';
import { claimingClaims } from './claiming.js';
import { deadLetterClaims } from './dead-letters.js';
import { discardClaims } from './discards.js';
import { killClaims } from './kills.js';
import { limitClaims } from './limits.js';
import { quarantineClaims } from './quarantine.js';
import { receiptClaims } from './receipts.js';
import { sealingClaims } from './sealing.js';
import { serialClaims } from './serials.js';
import { splittingClaims } from './splitting.js';
import { spoolStages } from './stage.js';
import { strangerClaims } from './strangers.js';
import type { SpoolSubject } from './subject.js';

/** What every spool must hold to. Each claim has a storage of its own; the slowest takes some 20 seconds. */
export function spoolClaims<S>(subject: SpoolSubject<S>): Claim[] {
  const claim = spoolStages(subject);
  return [
    ...appendingClaims(claim),
    ...limitClaims(subject, claim),
    ...strangerClaims(subject, claim),
    ...sealingClaims(claim),
    ...discardClaims(claim),
    ...quarantineClaims(subject, claim),
    ...receiptClaims(subject, claim),
    ...splittingClaims(claim),
    ...serialClaims(subject, claim),
    ...deadLetterClaims(claim),
    ...claimingClaims(claim),
    ...killClaims(subject, claim),
  ];
}
