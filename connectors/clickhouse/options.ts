import { path, secret } from 'hookline/plugin';
import { z } from 'zod';

const example = 'https://user:password@host:8443/database';

export const config = z.object({
  url: secret()
    .superRefine((value, context) => {
      const message = faultOf(value);
      // The message must not repeat the URL: there is a password in it.
      if (message !== undefined) context.addIssue({ code: 'custom', message, input: undefined });
    })
    .describe(`${example}: its HTTP interface`),
  ssl: z
    .strictObject({
      ca: path().describe("The file of who may sign the server's certificate, in PEM"),
      cert: path().optional().describe("The file of the user's certificate, in PEM"),
      key: path().optional().describe('The file of its key, in PEM'),
    })
    .optional()
    .describe('For an https url whose certificate the system does not know'),
  engine: z
    .string()
    .min(1)
    .default('MergeTree')
    .describe(
      "The engine of a table that is made, such as ReplicatedMergeTree('/clickhouse/{table}', '{replica}'); {table} is its name",
    ),
});

export type ClickhouseOptions = z.output<typeof config>;

/** Where the server is and who asks, in the words of its client. */
export interface Address {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly database: string;
}

export function addressOf(options: ClickhouseOptions): Address {
  const url = new URL(options.url);
  return {
    url: url.origin,
    username: decodeURIComponent(url.username) || 'default',
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)) || 'default',
  };
}

function faultOf(value: string): string | undefined {
  if (!URL.canParse(value)) {
    return `expected a URL such as ${example}; special characters in the password are percent-encoded`;
  }
  const url = new URL(value);
  if (!['http:', 'https:'].includes(url.protocol))
    return 'expected a URL that begins with https:// or http://';
  if (url.search !== '') return 'the url takes no parameters';
  try {
    decodeURIComponent(url.username + url.password + url.pathname);
  } catch {
    return 'a % in the user, the password or the database is written %25';
  }
  return undefined;
}
