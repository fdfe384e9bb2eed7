/**
 * Seconds since the epoch as a float64, in whole microseconds. The monotonic clock gives the fraction, the
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
  return Math.round(now * 1000) / 1e6;
}

let offset = performance.timeOrigin;

let second = 0;
let textOfSecond = '0';

/**
 * A timestamp in whole microseconds as a JSON number, which reads as the same float64: both are the one that
 * is nearest to so many millionths. Shortest digits, as a number prints itself, take ten times as long.
 */
export function timestampText(timestamp: number): string {
  const microseconds = Math.round(timestamp * 1e6);
  const seconds = Math.floor(microseconds / 1e6);
  if (seconds !== second) {
    second = seconds;
    textOfSecond = String(seconds);
  }
  return `${textOfSecond}.${String(1e6 + microseconds - seconds * 1e6).slice(1)}`;
}
