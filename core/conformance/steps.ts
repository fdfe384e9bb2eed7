import { createHook } from 'node:async_hooks';

/** Continuations that run without a return to the event loop: no answer can have come in between. */
const immediate = new Set(['PROMISE', 'TickObject', 'Microtask']);

/**
 * Counts the steps of whatever runs from here on: one for each callback from the event loop, so for each
 * answer of a socket, a disk, a timer or a native add-on. At step `killAt` the process kills itself
 * before the callback runs, as if the answer had not come; never, when that is undefined.
 */
export function countSteps(killAt: number | undefined): { readonly steps: number; stop(): void } {
  const passing = new Set<number>();
  let steps = 0;
  const hook = createHook({
    init(id, type) {
      if (immediate.has(type)) passing.add(id);
    },
    before(id) {
      if (passing.has(id)) return;
      if (steps === killAt) process.kill(process.pid, 'SIGKILL');
      steps += 1;
    },
    destroy(id) {
      passing.delete(id);
    },
  });
  hook.enable();
  return {
    get steps() {
      return steps;
    },
    stop() {
      hook.disable();
    },
  };
}

/** Some of the steps from 0 on, at most `most`, spread over them all, the first and the last among them. */
export function spread(steps: number, most = 16): number[] {
  const count = Math.min(steps, most);
  const at = Array.from({ length: count }, (_, n) => Math.round((n * (steps - 1)) / Math.max(count - 1, 1)));
  return [...new Set(at)];
}
