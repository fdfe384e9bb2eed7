import type { protos } from '@google-cloud/bigquery-storage';
import type { grpc } from 'google-gax';
import type { Refusal } from './errors.js';
import { sdk } from './sdk.js';
import { detailsOf } from './status-details.js';

type AppendAnswer = protos.google.cloud.bigquery.storage.v1.AppendRowsResponse;

/** A call was answered with an error. */
export class StreamRefused extends Error {
  readonly refusal: Refusal;
  /** As storage.proto names it: `STREAM_ALREADY_COMMITTED`. */
  readonly storageCode: string | undefined;

  constructor(refusal: Refusal, storageCode?: string) {
    super(refusal.code);
    this.refusal = refusal;
    this.storageCode = storageCode;
  }
}

/** The codes of a StorageError by their numbers, for what comes in a status' details. */
const storageCodes = [
  'STORAGE_ERROR_CODE_UNSPECIFIED',
  'TABLE_NOT_FOUND',
  'STREAM_ALREADY_COMMITTED',
  'STREAM_NOT_FOUND',
  'INVALID_STREAM_TYPE',
  'INVALID_STREAM_STATE',
  'STREAM_FINALIZED',
];

/** An answer that is no success is an answer all the same. Its text may quote a row: it is left out. */
export function checkAppend({ error, rowErrors, appendResult }: AppendAnswer): void {
  if (rowErrors !== undefined && rowErrors !== null && rowErrors.length > 0) {
    throw new StreamRefused({ code: 'ROW_ERRORS' });
  }
  if (error) throw new StreamRefused({ code: nameOf(Number(error.code)) });
  if (!appendResult) throw new StreamRefused({ code: 'UNKNOWN' });
}

/** What gRPC's error says, as a refusal. Its text may quote a row where an argument is at fault. */
export function refused(error: unknown): unknown {
  const { code, details, metadata } = (error ?? {}) as Partial<grpc.ServiceError>;
  if (typeof code !== 'number') return error;
  const [trailer] = metadata?.get('grpc-status-details-bin') ?? [];
  const { delay, storageCode } = trailer instanceof Uint8Array ? detailsOf(trailer) : {};
  const text = code === sdk().grpc.status.INVALID_ARGUMENT ? undefined : details;
  return new StreamRefused(
    { code: nameOf(code), ...(text !== undefined && { text }), ...(delay !== undefined && { delay }) },
    storageCode === undefined ? undefined : storageCodes[storageCode],
  );
}

function nameOf(code: number): string {
  return sdk().grpc.status[code] ?? 'UNKNOWN';
}
