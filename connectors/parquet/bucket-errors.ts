import { ConfigError, instructionOf, RetryableError } from 'hookline/plugin';
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

/**
 * Set-ups that are at fault, by S3's code; all the rest is retried.
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
const tls = /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|EPROTO)/;

interface SdkError extends Error {
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** S3's code, or the system's; a HEAD has the status alone. */
export function codeOf(error: unknown): string {
  const { name, code } = error as SdkError;
  if (typeof code === 'string' && /^(E[A-Z]+|ERR_|CERT_|DEPTH_|SELF_|UNABLE_)/.test(code)) return code;
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
  if (tls.test(code)) return new ConfigError(`${what}; its certificate is not one that this machine trusts`);
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
  return new RetryableError(what);
}

function delayOf(error: SdkError): { delay?: number } {
  const seconds = Number(error.$response?.headers?.['retry-after']);
  return seconds > 0 ? { delay: seconds * 1000 } : {};
}
