import { readFileSync } from 'node:fs';

/**
 * Loaded before anything else in each process (`--import`): what it takes for the time of day is as far from the
 * true one as the file that `CLOCK_SHIFT` names says, in milliseconds, and follows it. The monotonic clock is as
 * it is, as when somebody sets a machine's clock.
 */
const file = process.env['CLOCK_SHIFT'] ?? '';
const TrueDate = Date;
let shift = 0;

function look(): void {
  shift = Number(readFileSync(file, 'utf8'));
}

class ShiftedDate extends TrueDate {
  constructor(...parts: [] | [number | string | Date]) {
    if (parts.length === 0) super(TrueDate.now() + shift);
    else super(...(parts as [number]));
  }

  static override now(): number {
    return TrueDate.now() + shift;
  }
}

look();
setInterval(look, 20).unref();
globalThis.Date = ShiftedDate as DateConstructor;
