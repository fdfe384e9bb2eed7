import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBUnionValue,
  type DuckDBValue,
} from '@duckdb/node-api';

/**
 * A value as JSON has it. Numbers that JSON's readers would round, and everything that JSON has no word
 * for, are text: big integers and decimals in digits, times in ISO 8601, blobs in hex.
 */
export function toJson(value: DuckDBValue): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (value instanceof DuckDBDecimalValue) return exact(value.toString());
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(toJson);
  if (value instanceof DuckDBStructValue) return toObject(Object.entries(value.entries));
  if (value instanceof DuckDBMapValue) {
    const entries = value.entries.map(({ key, value }): [unknown, DuckDBValue] => [toJson(key), value]);
    if (entries.every((entry): entry is [string, DuckDBValue] => typeof entry[0] === 'string')) {
      return toObject(entries);
    }
    return entries.map(([key, value]) => ({ key, value: toJson(value) }));
  }
  if (value instanceof DuckDBUnionValue) return toJson(value.value);
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('hex');
  if (value instanceof DuckDBTimestampTZValue) {
    return zoned(new DuckDBTimestampValue(value.micros).toString());
  }
  if (
    value instanceof DuckDBTimestampValue ||
    value instanceof DuckDBTimestampSecondsValue ||
    value instanceof DuckDBTimestampMillisecondsValue ||
    value instanceof DuckDBTimestampNanosecondsValue
  ) {
    return value.toString().replace(' ', 'T');
  }
  return String(value);
}

function toObject(entries: readonly [string, DuckDBValue][]): object {
  return Object.fromEntries(entries.map(([name, value]) => [name, toJson(value)]));
}

/** `infinity` has no zone. */
function zoned(text: string): string {
  return text.includes(' ') ? `${text.replace(' ', 'T')}Z` : text;
}

/** Up to 15 digits a float64 holds any decimal. */
function exact(text: string): number | string {
  return text.replace(/\D/g, '').replace(/^0+/, '').length <= 15 ? Number(text) : text;
}
