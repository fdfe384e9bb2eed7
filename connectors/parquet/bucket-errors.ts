import { ConfigError, instructionOf, messageOf, RetryableError } from 'hookline/plugin';
import { Gone } from './store.js';

/** The permission that a request needs. https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
const actions: Readonly<Record<string, string>> = {
  ListObjectsV2: 's3:ListBucket',
  HeadObject: 's3:GetObject',
  GetObject: 's3:GetObject',
  PutObject: 's3:PutObject',
  DeleteObjects: 's3:DeleteObject',
};

const access = 'check accessKeyId and secretAccessKey';
const kms = 'check kmsKeyId, and that the user may use the key (kms:GenerateDataKey, kms:Decrypt)';

/** Refusals of a request that may pass when it is sent again. */
const passing = new Set([
  'RequestTimeout',
  'IncompleteBody',
  'BadDigest',
  'InvalidDigest',
  'XAmzContentSHA256Mismatch',
  'OperationAborted',
  'ConditionalRequestConflict',
]);

/**
 * Set-ups that are at fault, by S3's code.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
const config: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: access,
  SignatureDoesNotMatch: access,
  ExpiredToken: 'the temporary key has expired: give another one',
  InvalidToken: 'the sessionToken is not that of the key',
  TokenRefreshRequired: 'the temporary key has expired: give another one',
  CredentialsProviderError:
    'there are no credentials: give accessKeyId and secretAccessKey, or an AWS profile or role',
  AccountProblem: 'see to the account',
  AllAccessDisabled: 'see to the account',
  NotSignedUp: 'see to the account',
  NoSuchBucket: 'make the bucket, or correct its name',
  InvalidBucketName: 'correct the name of the bucket',
  PermanentRedirect: 'the bucket is in another region: correct region',
  AuthorizationHeaderMalformed: 'the bucket is in another region: correct region',
  IllegalLocationConstraintException: 'the bucket is in another region: correct region',
  RequestTimeTooSkewed: "set this machine's clock",
  MethodNotAllowed: 'what answers there does not speak S3: check endpoint',
  // MinIO says so of `encryption` without a KMS: https://min.io/docs/minio/linux/operations/server-side-encryption.html
  NotImplemented: 'the store does not do that: without a KMS take `encryption` out, or configure one',
  InvalidObjectState: 'the files are archived: restore them, and keep them out of the lifecycle rule',
  'KMS.DisabledException': kms,
  'KMS.InvalidStateException': kms,
  'KMS.KMSInvalidKeyUsageException': kms,
  'KMS.NotFoundException': kms,
  'KMS.AccessDeniedException': kms,
};

const network: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'is it running, and is endpoint right?',
  ENOTFOUND: 'no such host: check endpoint, region and the DNS',
};

/** Node's codes for a certificate that is not to be trusted, and what OpenSSL says. */
const tls = /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;
/** What OpenSSL says of an answer that is none of TLS, and Node of one that is none of HTTP. */
const noTls = /^(EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG)$/;
const noHttp = /^HPE_/;

interface SdkError extends Error {
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** S3's code, or the system's; a HEAD has the status alone. */
export function codeOf(error: unknown): string {
  const { name, code } = error as SdkError;
  if (typeof code === 'string' && /^(E[A-Z]+|ERR_|HPE_|CERT_|DEPTH_|SELF_|UNABLE_)/.test(code)) return code;
  return String(name);
}

export function statusOf(error: unknown): number | undefined {
  return (error as SdkError).$metadata?.httpStatusCode;
}

/**
 * The instruction that whatever the SDK throws amounts to. Its error is not kept as the cause: the request
 * hangs on it, and S3 quotes what was signed.
 */
export function instructedBucket(error: unknown, doing: string, operation: string, bucket: string): unknown {
  if (instructionOf(error) !== undefined || error instanceof Gone || !(error instanceof Error)) return error;
  const [code, status] = [codeOf(error), statusOf(error)];
  if (status === undefined && error.name === 'AbortError') return error;
  const what = `${doing}: ${operation} ${code === 'Error' ? 'failed' : code}${status === undefined ? '' : ` (${status})`}`;
  const known = config[code];
  if (known !== undefined) return new ConfigError(`${what}; ${known}`);
  if (noTls.test(code))
    return new ConfigError(`${what}; it does not speak TLS: has endpoint the right port, or is it http://?`);
  if (noHttp.test(code))
    return new ConfigError(
      `${what}; it does not speak HTTP: has endpoint the right port, or is it https://?`,
    );
  if (tls.test(code)) return new ConfigError(`${what}; its certificate is not one that this machine trusts`);
  if (isOfSdk(error)) return new ConfigError(`${what}; the SDK refuses it: ${messageOf(error)}`);
  if (code === 'SlowDown' || status === 429 || status === undefined || status >= 500) {
    const hint = network[code];
    return new RetryableError(`${what}${hint === undefined ? '' : `; ${hint}`}`, delayOf(error));
  }
  if (status === 403 || status === 401) {
    const action = actions[operation];
    const on = action === 's3:ListBucket' ? bucket : `${bucket}/*`;
    return new ConfigError(`${what}; allow ${action} on arn:aws:s3:::${on}`);
  }
  if (status === 301) return new ConfigError(`${what}; the bucket is in another region: correct region`);
  if (operation === 'HeadBucket' && status === 404)
    return new ConfigError(`${what}; ${config['NoSuchBucket']}`);
  // 404 is of what was there a moment ago.
  if (passing.has(code) || status === 404 || status === 408 || status === 409)
    return new RetryableError(what);
  return new ConfigError(`${what}; the store refuses it as such: check endpoint, bucket and encryption`);
}

/** Options that do not go together, such as an access point beside an endpoint: no request was sent. */
function isOfSdk({ name, code, $metadata, $response }: SdkError): boolean {
  if (code !== undefined || $metadata?.httpStatusCode !== undefined || $response !== undefined) return false;
  return name === 'Error' || name === 'EndpointError';
}

function delayOf(error: SdkError): { delay?: number } {
  const seconds = Number(error.$response?.headers?.['retry-after']);
  return seconds > 0 ? { delay: seconds * 1000 } : {};
}
