import { bytes, duration, fileMode, path, secret } from 'hookline/plugin';
import { z } from 'zod';

const mib = 1024 ** 2;

/** Options that mean something on S3 alone. */
const ofBucket = [
  'prefix',
  'region',
  'endpoint',
  'pathStyle',
  'accessKeyId',
  'secretAccessKey',
  'sessionToken',
  'encryption',
  'kmsKeyId',
] as const;

export const config = z
  .object({
    path: path().optional().describe('The folder of the lake; it is made when it is missing'),
    mode: fileMode()
      .prefault('0600')
      .describe('Who may read and write the files in the folder; folders can be entered by who may read'),
    bucket: z.string().min(3).max(63).optional().describe('Or its bucket, on S3 or whatever speaks S3'),
    prefix: z
      .string()
      .regex(/^[^/]+(\/[^/]+)*\/?$/, { error: 'expected folders such as raw/hooks, without a leading slash' })
      .transform((prefix) => prefix.replace(/\/$/, ''))
      .optional()
      .describe('The folder within the bucket, such as raw/hooks'),
    region: z.string().min(1).optional().describe("The bucket's region; else from AWS_REGION or the profile"),
    endpoint: z
      .url({ protocol: /^https?$/, error: 'expected a URL that begins with https:// or http://' })
      .optional()
      .describe('Where the store is that speaks S3, unless it is AWS'),
    pathStyle: z
      .boolean()
      .optional()
      .describe('Whether the bucket is part of the path instead of the host; true with an endpoint'),
    accessKeyId: secret().optional().describe("Else AWS's own chain: environment, profile, role"),
    secretAccessKey: secret().optional().describe('The secret of the key'),
    sessionToken: secret().optional().describe('For a temporary key'),
    encryption: z
      .enum(['AES256', 'aws:kms', 'aws:kms:dsse'])
      .optional()
      .describe("How the store encrypts, unless it is the bucket's default"),
    kmsKeyId: z.string().min(1).optional().describe('The key for aws:kms, unless it is the default one'),
    compactTo: bytes()
      .default(128 * mib)
      .describe('How large the files are that hookline compact makes'),
    compactAfter: duration()
      .default(3_600_000)
      .describe('hookline compact takes the hours that have ended so long ago'),
    memoryLimit: bytes()
      .default(512 * mib)
      .describe('How much memory DuckDB, which writes the files, may take'),
    threads: z.int().min(1).max(1024).default(2).describe('How many threads it may use'),
  })
  .superRefine((options, context) => {
    const issue = (name: string, message: string) =>
      context.addIssue({ code: 'custom', path: [name], message, input: undefined });
    if ((options.path === undefined) === (options.bucket === undefined)) {
      issue('path', 'expected either path, a folder, or bucket, on S3');
    }
    if (options.path !== undefined) {
      const odd = ofBucket.find((name) => options[name] !== undefined);
      if (odd !== undefined) issue(odd, 'is for a bucket, not for a path');
    }
    if ((options.accessKeyId === undefined) !== (options.secretAccessKey === undefined)) {
      issue('accessKeyId', 'expected accessKeyId and secretAccessKey together, or neither');
    }
    if (options.sessionToken !== undefined && options.accessKeyId === undefined) {
      issue('sessionToken', 'is for an accessKeyId');
    }
    if (options.kmsKeyId !== undefined && !options.encryption?.startsWith('aws:kms')) {
      issue('kmsKeyId', 'is for encryption: aws:kms');
    }
  });

export type ParquetOptions = z.output<typeof config>;
