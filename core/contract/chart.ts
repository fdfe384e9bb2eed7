/**
 * The relationship chart: the four columns that every destination table has, in this order.
 * Source: `protocol.md`, "The relationship chart".
 */
export const chart = [
  { name: '__kdd_request_id', type: 'text' },
  { name: '__kdd_request_unix_timestamp', type: 'float64' },
  { name: '__kdd_requester_key', type: 'text' },
  { name: '__kdd_request_body', type: 'text' },
] as const;

/** One row on its way to a warehouse. */
export interface Row {
  /** 20 letters a-z, unique. */
  readonly requestId: string;
  /** Seconds since the epoch, UTC. The very float64 that the sender was given. */
  readonly timestamp: number;
  /** The key of the access token: a UUID in lower case. */
  readonly key: string;
  /** The JSON text as it was posted, UTF-8, byte for byte. Never changed once it is here. */
  readonly body: Uint8Array;
}

/** A row as people read it: `hookline rows --json`, the admin API. */
export interface ChartRow {
  readonly __kdd_request_id: string;
  readonly __kdd_request_unix_timestamp: number;
  readonly __kdd_requester_key: string;
  readonly __kdd_request_body: string;
}

export function toChartRow(row: Row): ChartRow {
  return {
    __kdd_request_id: row.requestId,
    __kdd_request_unix_timestamp: row.timestamp,
    __kdd_requester_key: row.key,
    __kdd_request_body: new TextDecoder('utf-8', { ignoreBOM: true }).decode(row.body),
  };
}

/** The row that `toChartRow` was given, as long as its body is UTF-8. */
export function fromChartRow(row: ChartRow): Row {
  return {
    requestId: row.__kdd_request_id,
    timestamp: row.__kdd_request_unix_timestamp,
    key: row.__kdd_requester_key,
    body: new TextEncoder().encode(row.__kdd_request_body),
  };
}
