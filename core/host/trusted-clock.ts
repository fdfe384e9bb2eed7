import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** How long the wall clock must run evenly after it was set, in milliseconds. */
const evenFor = 600_000;

/**
 * Whoever slews a clock (NTP) slews the monotonic one with it, so the two part only by a step. This much of one
 * is passed over, and again after each ten seconds.
 */
const tolerance = 2_000;
const rebaseEvery = 10_000;

/** What a machine that was started anew may have been off without its clock being doubted, in milliseconds. */
const plausibleGap = 3_600_000;

/** Where the time comes from, in milliseconds. */
export interface ClockSource {
  wall(): number;
  monotonic(): number;
  /** Since the machine started, also while it slept. */
  uptime(): number;
  /** Names the machine's start; `undefined` where the system does not tell. */
  boot(): string | undefined;
}

/** What a process leaves behind of a clock that it trusted, for the next one. */
export interface ClockNote {
  readonly wall: number;
  readonly uptime: number;
  readonly boot?: string;
}

/** In milliseconds since the epoch; all the same while the clock is certain. */
export interface Times {
  readonly wall: number;
  /** The earliest that it may be: what ended before that has ended. */
  readonly earliest: number;
  /** The latest that it may be: what is kept from then on is kept long enough. */
  readonly latest: number;
}

interface Doubt {
  /** Of all times that it may be, the offsets of the earliest and the latest from the monotonic clock. */
  readonly earliest: number;
  readonly latest: number;
  /** By the monotonic clock. */
  readonly since: number;
}

/**
 * The wall clock, held against the monotonic one. When one of them steps and the other does not (somebody set the
 * clock, or the machine slept), nobody knows which time is right, and what is thrown away by a wrong one is gone for
 * good. So until the wall clock has run evenly for ten minutes it may be any time that it has shown since, or that it
 * would show without the step: only what holds at all of them is certain.
 */
export class TrustedClock {
  readonly #source: ClockSource;
  #base: { readonly offset: number; readonly at: number };
  #doubt: Doubt | undefined;

  constructor(source: ClockSource = machine) {
    this.#source = source;
    const at = source.monotonic();
    this.#base = { offset: source.wall() - at, at };
  }

  /** The times that it may be now. */
  now(): Times {
    const { at, offset } = this.#look();
    const { earliest = offset, latest = offset } = this.#doubt ?? {};
    const [wall, first, last] = [offset, earliest, latest].map((each) => Math.round(at + each));
    return { wall, earliest: first, latest: last } as Times;
  }

  /** Whether a moment (ms since the epoch) lies in the past; `undefined` while that is not certain. */
  hasPassed(moment: number): boolean | undefined {
    const { earliest, latest } = this.now();
    if (moment <= earliest) return true;
    return moment > latest ? false : undefined;
  }

  /** Why the time is not certain; the same words as long as the reason is the same. */
  get doubt(): string | undefined {
    this.#look();
    if (this.#doubt === undefined) return undefined;
    const span = spanOf(this.#doubt.latest - this.#doubt.earliest);
    return (
      `this machine's clock was set by ${span}, or the machine slept: which time is right is not certain until the ` +
      'clock has run evenly for ten minutes'
    );
  }

  /** What to leave for the next process; `undefined` while this one is in doubt. */
  note(): ClockNote | undefined {
    const { at, offset } = this.#look();
    if (this.#doubt !== undefined) return undefined;
    const boot = this.#source.boot();
    return { wall: at + offset, uptime: this.#source.uptime(), ...(boot !== undefined && { boot }) };
  }

  /**
   * Goes on from what an earlier process has left. Since the same start of the machine its uptime tells what the time
   * should be. After another start nothing does: then the time may not be earlier than the note, nor later by more
   * than machines are off for.
   */
  resume(note: ClockNote): void {
    const { at, offset } = this.#look();
    const wall = at + offset;
    const isSameBoot = note.boot !== undefined && note.boot === this.#source.boot();
    const expected = isSameBoot ? note.wall + this.#source.uptime() - note.uptime : note.wall;
    const step = wall - expected;
    const isPlausible = isSameBoot ? Math.abs(step) <= tolerance : step >= -tolerance && step <= plausibleGap;
    if (!isPlausible) this.#mistrust(expected - at, offset, at);
  }

  #look(): { readonly at: number; readonly offset: number } {
    const at = this.#source.monotonic();
    const offset = this.#source.wall() - at;
    if (Math.abs(offset - this.#base.offset) > tolerance) {
      this.#mistrust(this.#base.offset, offset, at);
      this.#base = { offset, at };
    } else if (at - this.#base.at >= rebaseEvery) {
      this.#base = { offset, at };
    }
    if (this.#doubt !== undefined && at - this.#doubt.since >= evenFor) this.#doubt = undefined;
    return { at, offset };
  }

  #mistrust(before: number, after: number, since: number): void {
    const { earliest = before, latest = before } = this.#doubt ?? {};
    this.#doubt = {
      earliest: Math.min(earliest, before, after),
      latest: Math.max(latest, before, after),
      since,
    };
  }
}

function spanOf(milliseconds: number): string {
  for (const [unit, length] of [
    ['days', 86_400_000],
    ['hours', 3_600_000],
    ['minutes', 60_000],
  ] as const) {
    if (milliseconds >= 2 * length) return `${Math.round(milliseconds / length)} ${unit}`;
  }
  return `${Math.round(milliseconds / 1000)} seconds`;
}

let bootId: string | undefined | null = null;

function readBootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

const machine: ClockSource = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  uptime: () => uptime() * 1000,
  boot: () => {
    if (bootId === null) bootId = readBootId();
    return bootId;
  },
};

/** This process's. */
export const trustedClock = new TrustedClock();
