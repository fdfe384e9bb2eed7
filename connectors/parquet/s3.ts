import type * as Sdk from '@aws-sdk/client-s3';
import { type Count, RetryableError } from 'hookline/plugin';
import { codeOf, instructedBucket, statusOf } from './bucket-errors.js';
import type { ParquetOptions } from './options.js';
import { Gone } from './store.js';

export interface BucketOptions extends ParquetOptions {
  readonly bucket: string;
}

type Command = Parameters<Sdk.S3Client['send']>[0];
/** The SDK, loaded when a bucket is opened. */
interface Opened {
  readonly sdk: typeof Sdk;
  readonly client: Sdk.S3Client;
}

/** The answers to the requests of which one looks at the answer. */
interface Answers {
  readonly GetObject: Sdk.GetObjectCommandOutput;
  readonly HeadObject: Sdk.HeadObjectCommandOutput;
  readonly PutObject: Sdk.PutObjectCommandOutput;
  readonly ListObjectsV2: Sdk.ListObjectsV2CommandOutput;
  readonly DeleteObjects: Sdk.DeleteObjectsCommandOutput;
}

/** Requests to one bucket. Whatever fails comes out as an instruction, or as what its caller asked about. */
export class S3 {
  readonly #options: BucketOptions;
  readonly #requests: Count;
  #opened: Promise<Opened> | undefined;

  constructor(options: BucketOptions, requests: Count) {
    this.#options = options;
    this.#requests = requests;
  }

  async open(): Promise<void> {
    this.#opened ??= this.#connect().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    await this.#opened;
  }

  /**
   * @throws Gone when there is no object of the key
   * @throws Unmet when the condition of a PutObject does not hold
   * @throws Unconditional when the store knows no conditions
   */
  async send<O extends keyof Answers>(
    doing: string,
    operation: O,
    signal: AbortSignal,
    input: object,
  ): Promise<Answers[O]> {
    signal.throwIfAborted();
    if (this.#opened === undefined) throw new RetryableError('it is closed');
    const { sdk, client } = await this.#opened;
    const Request = sdk[`${operation}Command`] as unknown as new (input: object) => Command;
    try {
      const request = new Request({ Bucket: this.#options.bucket, ...input });
      return (await client.send(request, { abortSignal: signal })) as Answers[O];
    } catch (error) {
      signal.throwIfAborted();
      const [code, status] = [codeOf(error), statusOf(error)];
      const missing = status === 404 && code !== 'NoSuchBucket';
      if (operation === 'PutObject' && ('IfMatch' in input || 'IfNoneMatch' in input)) {
        if (status === 412 || missing) throw new Unmet();
        if (status === 501) throw new Unconditional();
      }
      if (missing && 'Key' in input) throw new Gone(String(input.Key));
      throw this.instructed(error, doing, operation);
    }
  }

  async *pages(
    doing: string,
    signal: AbortSignal,
    input: object,
  ): AsyncGenerator<Sdk.ListObjectsV2CommandOutput> {
    for (let token: string | undefined; ; ) {
      const page = await this.send(doing, 'ListObjectsV2', signal, {
        ...input,
        ...(token !== undefined && { ContinuationToken: token }),
      });
      yield page;
      token = page.NextContinuationToken;
      if (token === undefined) return;
    }
  }

  instructed(error: unknown, doing: string, operation: keyof Answers): unknown {
    return instructedBucket(error, doing, operation, this.#options.bucket);
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    this.#opened = undefined;
    opened?.client.destroy();
  }

  async #connect(): Promise<Opened> {
    // Which Node this SDK takes is for whoever updates it to see to, and not for the log of every start.
    process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
    const sdk = await import('@aws-sdk/client-s3');
    const { region, endpoint, pathStyle, accessKeyId, secretAccessKey, sessionToken } = this.#options;
    // Others often lack what AWS has added to its protocol: the checksums are of MD5 then, as ever.
    const checksums = endpoint === undefined ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
    const client = new sdk.S3Client({
      ...(endpoint !== undefined && { endpoint, region: region ?? 'us-east-1' }),
      ...(region !== undefined && { region }),
      forcePathStyle: pathStyle ?? endpoint !== undefined,
      ...(accessKeyId !== undefined &&
        secretAccessKey !== undefined && {
          credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
        }),
      requestChecksumCalculation: checksums,
      responseChecksumValidation: checksums,
      requestHandler: { connectionTimeout: 10_000, requestTimeout: 60_000, throwOnRequestTimeout: true },
    });
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (given) => {
          this.#requests.add(1, { operation: String(commandName).replace(/Command$/, '') });
          return await next(given);
        },
      { step: 'deserialize', priority: 'low' },
    );
    return { sdk, client };
  }
}

/** An object is there already, or is not that one. */
export class Unmet extends Error {}
/** The store does not implement conditions. */
export class Unconditional extends Error {}
