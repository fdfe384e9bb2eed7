import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { RootHookObject } from 'mocha';
import { root } from './npm.js';

const file = process.env['HOOKLINE_TIMES'];

/** Seconds of all processors: this process, and those that it has started and that have ended. */
function processorTime(): number {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // In ticks of 10 ms: utime, stime, cutime, cstime.
    const ticks = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15);
    return ticks.reduce((sum, tick) => sum + Number(tick), 0) / 100;
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }
}

let begun = { wall: 0, processor: 0 };

/**
 * Where HOOKLINE_TIMES names a file, each test file becomes a line there, as `12.3 s, 4.5 s of a processor: test/…`:
 * other work on the machine makes the first longer, the second hardly. Hooks of the root run once for each file
 * where files run in parallel.
 */
export const mochaHooks: RootHookObject = file
  ? {
      beforeAll() {
        begun = { wall: performance.now() / 1000, processor: processorTime() };
      },
      afterAll(this: Mocha.Context) {
        const [wall, processor] = [performance.now() / 1000 - begun.wall, processorTime() - begun.processor];
        const name = relative(root, this.test?.parent?.suites[0]?.file ?? 'nothing');
        appendFileSync(
          file,
          `${wall.toFixed(1).padStart(6)} s, ${processor.toFixed(1).padStart(5)} s of a processor: ${name}\n`,
        );
      },
    }
  : {};
