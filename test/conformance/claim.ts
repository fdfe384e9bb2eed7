/** One sentence that must hold, and the proof. Independent of any test runner. */
export interface Claim {
  readonly name: string;
  run(): Promise<void>;
}
