import type { Claim } from './claim.js';

export interface Failure {
  readonly claim: Claim;
  readonly error: Error;
}

export interface Report {
  readonly passed: readonly Claim[];
  readonly failed: readonly Failure[];
}

/**
 * Runs claims one after the other, for those without a test runner, and prints a line for each.
 * `process.exitCode = (await runClaims(claims)).failed.length` is a whole test program.
 */
export async function runClaims(
  claims: readonly Claim[],
  print: (line: string) => void = console.log,
): Promise<Report> {
  const passed: Claim[] = [];
  const failed: Failure[] = [];
  for (const claim of claims) {
    const begun = performance.now();
    try {
      await claim.run();
      passed.push(claim);
      print(`✓ ${claim.name} (${Math.round(performance.now() - begun)} ms)`);
    } catch (error) {
      failed.push({ claim, error: error as Error });
      print(`✗ ${claim.name}`);
      for (const line of (error as Error).message.split('\n')) print(`    ${line}`);
    }
  }
  print(`${passed.length} of ${claims.length} claims hold`);
  return { passed, failed };
}
