import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ConfigError } from 'hookline/plugin';
import type { ConnectionOptions } from 'snowflake-sdk';
import type { SnowflakeOptions } from './options.js';

/** How the user proves who it is, in the words of the SDK. Files are read anew each time. */
export async function credentialsOf(options: SnowflakeOptions): Promise<ConnectionOptions> {
  const { privateKey, privateKeyFile, passphrase, password, token, tokenFile } = options;
  const pem = privateKey ?? (privateKeyFile && (await read(privateKeyFile, 'privateKeyFile')));
  if (pem !== undefined) {
    return { authenticator: 'SNOWFLAKE_JWT', privateKey: decrypted(pem, passphrase) };
  }
  const access = token ?? (tokenFile && (await read(tokenFile, 'tokenFile')).trim());
  if (access !== undefined) return { authenticator: 'OAUTH', token: access };
  return { password: password ?? '' };
}

/** As PKCS #8 without a passphrase, which the SDK is sure to take. */
function decrypted(pem: string, passphrase: string | undefined): string {
  try {
    const key = createPrivateKey({
      key: pem,
      format: 'pem',
      ...(passphrase !== undefined && { passphrase }),
    });
    if (key.asymmetricKeyType === 'rsa') return key.export({ format: 'pem', type: 'pkcs8' }).toString();
  } catch {
    // What OpenSSL says of it helps nobody, and the key hangs on it.
    const hint =
      passphrase === undefined ? 'is it PEM, and has it a passphrase?' : 'is the passphrase right?';
    throw new ConfigError(`the private key cannot be read: ${hint}`);
  }
  throw new ConfigError('the private key is not an RSA key, which Snowflake asks for');
}

async function read(file: string, option: string): Promise<string> {
  return await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ConfigError(`${option}: ${file} cannot be read`, { cause });
  });
}
