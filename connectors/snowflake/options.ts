import { path, secret } from 'hookline/plugin';
import { z } from 'zod';

const ways = ['privateKey', 'privateKeyFile', 'password', 'token', 'tokenFile'] as const;

const url = z
  .url({
    protocol: /^https?$/,
    error: 'expected a URL such as https://myorg-myaccount.snowflakecomputing.com',
  })
  .refine((value) => !/[@?#]|\/.+\/./.test(value.replace(/^https?:\/\//, '')), {
    error: 'expected a URL of a scheme and a host, and perhaps a port: no user, no path',
  });

export const config = z
  .object({
    account: z
      .string()
      .regex(/^\w[\w.-]*$/, { error: 'expected an account identifier such as myorg-myaccount' })
      .optional()
      .describe('The account identifier, `myorg-myaccount`'),
    accessUrl: url
      .optional()
      .describe('In place of the account, or besides it where the URL is another one, say of a private link'),
    user: z.string().min(1).describe('The login name'),
    privateKey: secret().optional().describe("The user's private key, in PEM: the way that is recommended"),
    privateKeyFile: path().optional().describe('A file that holds it, read anew at each login'),
    passphrase: secret().optional().describe('Of the private key, when it is encrypted'),
    password: secret().optional().describe('A password, or a programmatic access token'),
    token: secret().optional().describe('An OAuth access token'),
    tokenFile: path().optional().describe('A file that holds it, read anew at each login'),
    role: z.string().min(1).optional().describe("The user's default role unless set"),
    warehouse: z.string().min(1).optional().describe("The user's default warehouse unless set"),
    database: z.string().min(1).describe('The database; it must be there'),
    schema: z.string().min(1).default('public').describe('The schema of its tables; it must be there'),
    ledger: z.string().default('__hookline_batches').describe('The table of landed batches, in the schema'),
    queryTag: z
      .string()
      .max(2000)
      .default('hookline')
      .describe('Shown in QUERY_HISTORY, so that its costs can be told'),
    tempFolder: path()
      .optional()
      .describe("Where a batch's files lie till they are staged; the system's temporary folder unless set"),
  })
  .superRefine((options, context) => {
    const issue = (option: string, message: string) =>
      context.addIssue({ code: 'custom', path: [option], message, input: undefined });
    if (options.account === undefined && options.accessUrl === undefined) {
      issue('account', 'expected account, or accessUrl');
    }
    const given = ways.filter((way) => options[way] !== undefined);
    const [first, second] = given;
    if (first === undefined) {
      issue('privateKeyFile', 'expected privateKeyFile or privateKey; or else password, token or tokenFile');
    }
    if (second !== undefined) issue(second, `${first} is set already: give the one or the other`);
    const keyed = options.privateKey !== undefined || options.privateKeyFile !== undefined;
    if (options.passphrase !== undefined && !keyed) issue('passphrase', 'is of a private key: set one');
  });

export type SnowflakeOptions = z.output<typeof config>;
