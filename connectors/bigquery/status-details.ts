import { sdk } from './sdk.js';

/** What hangs on a status of gRPC in its trailer `grpc-status-details-bin`. */
export interface StatusDetails {
  /** Milliseconds that the service asks to wait: google.rpc.RetryInfo. */
  readonly delay?: number;
  /** The number of a StorageError's code. */
  readonly storageCode?: number;
}

/** One look at a message's fields; what is no number is bytes. */
type Fields = Map<number, (number | Uint8Array)[]>;

/** Of a serialised google.rpc.Status. */
export function detailsOf(status: Uint8Array): StatusDetails {
  let found: StatusDetails = {};
  for (const any of fieldsOf(status).get(3) ?? []) {
    if (typeof any === 'number') continue;
    const fields = fieldsOf(any);
    const [type, value] = [fields.get(1)?.[0], fields.get(2)?.[0]];
    if (!(type instanceof Uint8Array) || !(value instanceof Uint8Array)) continue;
    const name = Buffer.from(type).toString().split('/').at(-1);
    const inner = fieldsOf(value);
    if (name === 'google.rpc.RetryInfo') found = { ...found, delay: durationOf(inner.get(1)?.[0]) };
    if (name?.endsWith('.StorageError')) found = { ...found, storageCode: numberOf(inner.get(1)?.[0]) };
  }
  return found;
}

function durationOf(duration: number | Uint8Array | undefined): number {
  if (!(duration instanceof Uint8Array)) return 0;
  const fields = fieldsOf(duration);
  return numberOf(fields.get(1)?.[0]) * 1000 + Math.ceil(numberOf(fields.get(2)?.[0]) / 1e6);
}

function numberOf(value: number | Uint8Array | undefined): number {
  return typeof value === 'number' ? value : 0;
}

function fieldsOf(message: Uint8Array): Fields {
  const reader = sdk().protobufMinimal.Reader.create(message);
  const fields: Fields = new Map();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const [field, wire] = [tag >>> 3, tag & 7];
    if (wire === 0) add(fields, field, Number(reader.uint64()));
    else if (wire === 2) add(fields, field, reader.bytes());
    else reader.skipType(wire);
  }
  return fields;
}

function add(fields: Fields, field: number, value: number | Uint8Array): void {
  fields.set(field, [...(fields.get(field) ?? []), value]);
}
