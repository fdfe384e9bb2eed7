import { appendFileSync } from 'node:fs';
import Mocha from 'mocha';

/** The usual spec output; where HOOKLINE_TALLY names a file, the run's counts go there as a line of JSON too. */
export default class TallyReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    const file = process.env['HOOKLINE_TALLY'];
    if (!file) return;
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes: passed, failures: failed, pending: skipped } = this.stats;
      appendFileSync(file, `${JSON.stringify({ passed, failed, skipped })}\n`);
    });
  }
}
