import { bytes, chart, duration, path, secret } from 'hookline/plugin';
import { z } from 'zod';

/** 1,500 load jobs a table and day are one every 58 s; the rest is for batches that fill up sooner. */
export const leastInterval = 90_000;

/** BigQuery takes requests of less than 10 MB; the rest is for what is no row in them. */
const mostAppended = 9_500_000;

const columns = chart.flatMap(({ name, type }) => (type === 'text' ? [name] : []));

const endpoint = (service: string) =>
  z
    .string()
    .refine(isOrigin, { error: 'expected a URL without a path, such as https://bigquery.example.com' })
    .optional()
    .describe(`Another address of ${service}: a private endpoint, or an emulator`);

export const config = z
  .object({
    project: z
      .string()
      .regex(/^([a-z0-9.-]+:)?[a-z0-9-]+$/, 'expected the id of a project, such as my-project')
      .optional()
      .describe("The project of the dataset and of the jobs; the credentials' own unless given"),
    dataset: z
      .string()
      .regex(/^\w{1,1024}$/, 'expected up to 1024 letters, digits and _, without the project')
      .describe('The dataset of the tables'),
    location: z
      .string()
      .regex(/^[\w-]+$/)
      .optional()
      .describe('Where a dataset is made, such as EU; one that is there must be there'),
    createDataset: z.boolean().default(false).describe('Make the dataset when it is missing'),
    credentials: z
      .strictObject({
        keyFile: path().optional().describe('A JSON file with the key of a service account'),
        json: secret().optional().describe('What such a file holds, from the environment'),
      })
      .superRefine(credentialsFault)
      .optional()
      .describe('Application default credentials unless given'),
    method: z
      .enum(['storage-write', 'load-job'])
      .default('storage-write')
      .describe('storage-write lands within seconds; load-job is free, and lands every 90 s or more'),
    table: z
      .strictObject({
        partition: z
          .enum(['hour', 'day', 'month', 'year', 'none'])
          .default('day')
          .describe('By the time at which rows land'),
        expiry: duration().optional().describe('How long a partition is kept; for ever unless given'),
        cluster: z
          .array(z.enum(columns as [string, ...string[]]))
          .max(4)
          .default([])
          .describe('Columns that rows are clustered by'),
      })
      .refine(({ partition, expiry }) => partition !== 'none' || expiry === undefined, {
        error: 'expiry needs a partition',
        path: ['expiry'],
      })
      .prefault({})
      .describe('Of tables that are made'),
    labels: z
      .record(
        z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/, 'expected lower case letters, digits, _ and -'),
        z.string().regex(/^[a-z0-9_-]{0,63}$/, 'expected lower case letters, digits, _ and -'),
      )
      .default({})
      .describe('Of tables and jobs that are made: what the bill is split by'),
    requestBytes: bytes()
      .prefault('9MiB')
      .refine((value) => value > 0 && value <= mostAppended, { error: 'expected at most 9.5 MB' })
      .describe('The most that storage-write sends at once; a larger row goes by a load job'),
    apiEndpoint: endpoint('bigquery.googleapis.com'),
    storageEndpoint: endpoint('bigquerystorage.googleapis.com'),
  })
  .superRefine((options, context) => {
    for (const name of ['apiEndpoint', 'storageEndpoint'] as const) {
      const url = options[name] === undefined ? undefined : new URL(options[name]);
      const open = url?.protocol === 'http:' && !['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
      if (!open || options.credentials === undefined) continue;
      const message = 'credentials are not sent over plain http to another machine';
      context.addIssue({ code: 'custom', path: [name], message, input: undefined });
    }
  });

export type BigqueryOptions = z.output<typeof config>;

/** An emulator: nobody is asked who he is there. */
export function isAnonymous({ apiEndpoint, credentials }: BigqueryOptions): boolean {
  return apiEndpoint?.startsWith('http:') === true && credentials === undefined;
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname, search } = new URL(text);
  return ['http:', 'https:'].includes(protocol) && pathname === '/' && search === '';
}

/** The message must not repeat what is given: there is a private key in it. */
function credentialsFault(
  { keyFile, json }: { readonly keyFile?: string | undefined; readonly json?: string | undefined },
  context: z.core.$RefinementCtx,
): void {
  const issue = (name: string, message: string) =>
    context.addIssue({ code: 'custom', path: [name], message, input: undefined });
  if ((keyFile === undefined) === (json === undefined)) {
    issue('keyFile', 'expected either keyFile or json; without credentials the default ones are used');
  } else if (json !== undefined && !isObject(json)) {
    issue('json', 'expected the JSON of a key file, such as {"type":"service_account",...}');
  }
}

function isObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && 'type' in value;
  } catch {
    return false;
  }
}

export function isStreaming({ method }: BigqueryOptions): boolean {
  return method === 'storage-write';
}
