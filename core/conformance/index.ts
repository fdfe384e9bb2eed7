/**
 * The conformance suites: `hookline/conformance`. What correct means, as claims that any test runner runs:
 *
 * ```ts
 * describe('my destination', () => {
 *   for (const claim of destinationClaims(subject)) it(claim.name, claim.run).timeout(60_000);
 * });
 * ```
 *
 * Without a test runner: `await runClaims(destinationClaims(subject))`.
 */
export { makeBatch, makeRow, makeRows } from './batches.js';
export type { Claim } from './claim.js';
export { destinationClaims } from './destination/claims.js';
export { awkwardNames } from './destination/names.js';
export {
  type DestinationLimits,
  type DestinationSubject,
  type ForeignTables,
  type RefusedRows,
  type TableShape,
  tableShapes,
} from './destination/subject.js';
export { instantiate, pluginOf } from './instantiate.js';
export { instruction, refused, within } from './proof.js';
export { type Failure, type Report, runClaims } from './report.js';
export { spoolClaims } from './spool/claims.js';
export { makeRecord } from './spool/records.js';
export type { SpoolSubject } from './spool/subject.js';
export {
  type Absent,
  absent,
  type Misconfiguration,
  type Misconfigured,
  type Outage,
  type PluginLocation,
} from './subject.js';
export { never, TestDestinations, type UrlParts, urlWith } from './test-destinations.js';
export { tokenStoreClaims } from './token-store/claims.js';
export { makeToken } from './token-store/stage.js';
export type { TokenStoreSubject } from './token-store/subject.js';
export { type UglyJson, uglyJson } from './ugly-json.js';
