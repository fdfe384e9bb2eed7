import { appendFileSync } from 'node:fs';
import { inspect } from 'node:util';
import Mocha from 'mocha';

/** Characters of an error, with its causes. */
const longest = 6000;

/**
 * The usual spec output; where HOOKLINE_TALLY names a file, the run's counts go there as a line of JSON, and what
 * failed as a line each.
 */
export default class TallyReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    const file = process.env['HOOKLINE_TALLY'];
    if (!file) return;
    const { EVENT_RUN_END, EVENT_TEST_FAIL } = Mocha.Runner.constants;
    const write = (entry: object) => appendFileSync(file, `${JSON.stringify(entry)}\n`);
    runner.on(EVENT_TEST_FAIL, (test: Mocha.Test, error: Error) => {
      write({ test: test.fullTitle(), error: inspect(error).slice(0, longest) });
    });
    runner.once(EVENT_RUN_END, () => {
      const { passes: passed, failures: failed, pending: skipped } = this.stats;
      write({ passed, failed, skipped });
    });
  }
}
