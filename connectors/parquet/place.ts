import type { TimeRange } from 'hookline/plugin';

/** Hive's word for a value that there is none for; readers make NULL of it. */
const nowhere = 'dt=__HIVE_DEFAULT_PARTITION__/hour=__HIVE_DEFAULT_PARTITION__';

const hour = 3600;
/** Seconds since the epoch of the first and after the last time that has a date of four digits. */
const [from, until] = [Date.parse('0001-01-01T00:00Z') / 1000, Date.UTC(10_000, 0) / 1000];

/** The folders of a row within its table, in UTC: `dt=2026-11-24/hour=13`. */
export function placeOf(timestamp: number): string {
  if (!(timestamp >= from && timestamp < until)) return nowhere;
  const time = new Date(Math.floor(timestamp / hour) * hour * 1000).toISOString();
  return `dt=${time.slice(0, 10)}/hour=${time.slice(11, 13)}`;
}

/** When the hour of the folders is over, in milliseconds since the epoch. */
export function endOf(place: string): number {
  const [, day, hours] = /^dt=(\d{4}-\d\d-\d\d)\/hour=(\d\d)$/.exec(place) ?? [];
  return day === undefined ? Number.NEGATIVE_INFINITY : Date.parse(`${day}T${hours}:00Z`) + hour * 1000;
}

export function isPlace(place: string): boolean {
  return place === nowhere || Number.isFinite(endOf(place));
}

/** Whether rows of a range of timestamps may be in the folders. */
export function overlaps(place: string, range: TimeRange): boolean {
  if (place === nowhere) return range.from < from || range.to > until;
  const end = endOf(place) / 1000;
  return range.from < end && range.to > end - hour;
}

/** The newest first, as their names say; rows without a date before all. */
export function newestFirst(places: readonly string[]): string[] {
  return places.toSorted().reverse();
}

/** When a batch was sealed, in seconds since the epoch, by its UUIDv7; its rows are no newer than that. */
export function sealedAt(file: string): number {
  const [, high, low] = /^([0-9a-f]{8})-([0-9a-f]{4})-7/.exec(file) ?? [];
  return high === undefined ? Number.MAX_VALUE : Number.parseInt(`${high}${low}`, 16) / 1000;
}
