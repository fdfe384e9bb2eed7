import type { Generator } from './load.js';
import type { Report } from './report.js';

/** How much of everything is measured. */
export interface Extent {
  readonly rounds: number;
  /** Of one round, where time limits it. */
  readonly seconds: number;
  /** The short version: a quick look. */
  readonly short: boolean;
}

export interface Scenario {
  readonly name: string;
  /** What it measures, in a line. */
  readonly about: string;
  /** Left out where none is named. */
  readonly onlyByName?: boolean;
  run(report: Report, extent: Extent, load: Generator): Promise<void>;
}
