import type { BigQuery } from '@google-cloud/bigquery';
import type { BigQueryWriteClient } from '@google-cloud/bigquery-storage';
import type { googleAuthLibrary, grpc, protobufMinimal } from 'google-gax';

/** What we use of Google's libraries. */
interface Sdk {
  readonly BigQuery: typeof BigQuery;
  readonly BigQueryWriteClient: typeof BigQueryWriteClient;
  readonly googleAuthLibrary: typeof googleAuthLibrary;
  readonly grpc: typeof grpc;
  readonly protobufMinimal: typeof protobufMinimal;
}

let loaded: Sdk | undefined;

/** Loads them, once, when a destination is opened: they take half a second and 30 MiB. */
export async function loadSdk(): Promise<Sdk> {
  const [{ BigQuery }, { BigQueryWriteClient }, { googleAuthLibrary, grpc, protobufMinimal }] =
    await Promise.all([
      import('@google-cloud/bigquery'),
      import('@google-cloud/bigquery-storage'),
      import('google-gax'),
    ]);
  loaded ??= { BigQuery, BigQueryWriteClient, googleAuthLibrary, grpc, protobufMinimal };
  return loaded;
}

/** @throws Error when they have not been loaded: before a destination was opened */
export function sdk(): Sdk {
  if (loaded === undefined) throw new Error("Google's libraries are not loaded");
  return loaded;
}
