import { TrustedClock } from '../../core/host/trusted-clock.js';

/** Clocks of a machine that a test sets and runs: a fake, as no test may set the machine's. */
export class SetClock {
  wall = Date.UTC(2026, 10, 30);
  monotonic = 5_000;
  slept = 0;
  boot: string | undefined = 'first';
  /** Of the process that runs. */
  trusted = this.process();

  /** As a process that starts now has it. */
  process(): TrustedClock {
    return new TrustedClock({
      wall: () => this.wall,
      monotonic: () => this.monotonic,
      uptime: () => this.monotonic + this.slept,
      boot: () => this.boot,
    });
  }

  /** Time goes by, evenly; looked at each second, as the load process does. */
  run(milliseconds: number, clock = this.trusted): void {
    for (let left = milliseconds; left > 0; left -= 1000) {
      this.wall += Math.min(left, 1000);
      this.monotonic += Math.min(left, 1000);
      clock.now();
    }
  }

  /** The machine sleeps: its monotonic clock stands still. */
  sleep(milliseconds: number): void {
    this.wall += milliseconds;
    this.slept += milliseconds;
  }
}
