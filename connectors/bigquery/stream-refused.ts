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
  /** It is the rows that are refused. */
  readonly isOfRows: boolean;

  constructor(refusal: Refusal, storageCode?: string, isOfRows = false) {
    super(refusal.code);
    this.refusal = refusal;
    this.storageCode = storageCode;
    this.isOfRows = isOfRows;
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
    throw new StreamRefused({ code: 'ROW_ERRORS' }, undefined, true);
  }
  if (error) {
    const code = nameOf(Number(error.code));
    throw new StreamRefused({ code }, undefined, code === 'INVALID_ARGUMENT');
  }
  if (!appendResult) throw new StreamRefused({ code: 'UNKNOWN' });
}

/** Whose text is of rights, names and quotas. That of any other may quote a row. */
const tellable = ['PERMISSION_DENIED', 'UNAUTHENTICATED', 'NOT_FOUND', 'RESOURCE_EXHAUSTED', 'UNAVAILABLE'];

/** What gRPC's error says, as a refusal. @param ofRows whether rows were sent */
export function refused(error: unknown, ofRows = false): unknown {
  const { code, details, metadata } = (error ?? {}) as Partial<grpc.ServiceError>;
  if (typeof code !== 'number') return error;
  const [trailer] = metadata?.get('grpc-status-details-bin') ?? [];
  const { delay, storageCode } = trailer instanceof Uint8Array ? detailsOf(trailer) : {};
  const name = nameOf(code);
  const text = tellable.includes(name) ? details : undefined;
  return new StreamRefused(
    { code: name, ...(text !== undefined && { text }), ...(delay !== undefined && { delay }) },
    storageCode === undefined ? undefined : storageCodes[storageCode],
    ofRows && name === 'INVALID_ARGUMENT',
  );
}

function nameOf(code: number): string {
  return sdk().grpc.status[code] ?? 'UNKNOWN';
}
