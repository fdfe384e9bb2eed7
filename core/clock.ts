/**
 * Seconds since the epoch as a float64 with microseconds. The monotonic clock gives the fraction, the
 * wall clock the truth: where they drift apart by a millisecond (NTP, a suspended machine), the wall
 * clock wins.
 */
export function unixTimestamp(): number {
  const monotonic = performance.now();
  const wall = Date.now();
  let now = offset + monotonic;
  if (now < wall || now >= wall + 2) {
    offset = wall - monotonic;
    now = wall;
  }
  return now / 1000;
}

let offset = performance.timeOrigin;
