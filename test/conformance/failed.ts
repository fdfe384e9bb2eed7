import { type Claim, runClaims } from '../../core/conformance/index.js';

/** How a broken plugin comes out. */
export interface Expected {
  readonly fails: readonly string[];
  /** What it breaks too, and fails at when chance lets it show. */
  readonly mayFail?: readonly string[];
  /** It breaks nothing that only a process of its own would show. */
  readonly alone?: boolean;
}

export async function failedNames(claims: readonly Claim[]): Promise<string[]> {
  const { failed } = await runClaims(claims, () => {});
  return failed.map(({ claim }) => claim.name);
}
