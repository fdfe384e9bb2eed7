import { readFile } from 'node:fs/promises';
import type { BigQuery } from '@google-cloud/bigquery';
import { ConfigError, RetryableError } from 'hookline/plugin';
import { brokenConnection, errorOf } from './errors.js';
import { type BigqueryOptions, isAnonymous } from './options.js';
import { loadSdk, sdk } from './sdk.js';

type Auth = BigQuery['authClient'];
export type AuthClient = Awaited<ReturnType<Auth['getClient']>>;

/** Who asks, and in which project: the credentials as Google's own library finds and renews them. */
export class Account {
  readonly auth: Auth;
  readonly client: AuthClient;
  readonly project: string;

  private constructor(auth: Auth, client: AuthClient, project: string) {
    this.auth = auth;
    this.client = client;
    this.project = project;
  }

  /** @throws ConfigError when there are no credentials, or they cannot be read */
  static async open(options: BigqueryOptions): Promise<Account> {
    const { BigQuery } = await loadSdk();
    try {
      const bigquery = new BigQuery({
        ...(options.project !== undefined && { projectId: options.project }),
        ...(await identityOf(options)),
      });
      const auth = bigquery.authClient;
      // A token that is signed here, where the credentials have a key: no server is asked for one.
      auth.useJWTAccessWithScope = true;
      const client = await auth.getClient();
      const project = options.project ?? (await bigquery.getProjectId());
      return new Account(auth, client, project);
    } catch (error) {
      throw instructed(error, 'finding the credentials');
    }
  }

  /** As IAM names it; `USER` where the credentials do not tell. */
  get principal(): string {
    const { email } = this.client as { readonly email?: unknown };
    return typeof email === 'string' && email !== '' ? `serviceAccount:${email}` : 'USER';
  }
}

type Identity = Pick<NonNullable<ConstructorParameters<typeof BigQuery>[0]>, 'authClient' | 'credentials'>;

async function identityOf(options: BigqueryOptions): Promise<Identity> {
  if (isAnonymous(options)) {
    // Another copy of the library: alike, but not to TypeScript.
    const nobody = new (sdk().googleAuthLibrary.PassThroughClient)() as unknown as NonNullable<
      Identity['authClient']
    >;
    return { authClient: nobody };
  }
  const { credentials } = options;
  if (credentials === undefined) return {};
  const text = credentials.json ?? (await readKey(credentials.keyFile ?? ''));
  return { credentials: parseKey(text) };
}

async function readKey(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch(() => {
    throw new ConfigError(`credentials: ${file} cannot be read`);
  });
}

/** The error of JSON.parse quotes the text. */
function parseKey(text: string): NonNullable<Identity['credentials']> {
  try {
    return JSON.parse(text) as NonNullable<Identity['credentials']>;
  } catch {
    throw new ConfigError('credentials: the key file is no JSON');
  }
}

/** The library's errors carry requests with tokens: nothing of them is kept but a code. */
export function instructed(error: unknown, doing: string): Error {
  if (error instanceof ConfigError || error instanceof RetryableError) return error;
  const { response } = error as { readonly response?: { readonly status?: number; readonly data?: unknown } };
  if (response?.status !== undefined) {
    const { error: code } = (response.data ?? {}) as { readonly error?: unknown };
    const refused = response.status < 500 && response.status !== 429;
    return errorOf(
      { code: typeof code === 'string' ? code : `HTTP ${response.status}` },
      doing,
      refused ? 'config' : 'retry',
      refused ? 'Google gives no token for these credentials: are they revoked?' : undefined,
    );
  }
  const broken = brokenConnection(error);
  if (broken !== undefined && broken.code !== 'ENOENT') return errorOf(broken, doing);
  return new ConfigError(
    `${doing}: there are none that work; set \`credentials\`, or run: gcloud auth application-default login`,
  );
}
