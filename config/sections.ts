import { isIP } from 'node:net';
import { z } from 'zod';
import { rangesOf } from '../core/intake/client.js';
import { schemes } from '../core/intake/signatures/index.js';
import { bytes, duration, longestDelay, path, secret } from '../core/kit/options.js';

/** The schemas of what the YAML says by itself; destinations, spool and tokens besides have their plugin's. */

function durationFrom(least: number) {
  return duration().refine((value) => value >= least && value <= longestDelay, {
    error: `expected a duration from ${least}ms to 24d`,
  });
}

function sizeFrom(least: number, leastText: string) {
  return bytes().refine((value) => value >= least && value <= 1024 ** 3, {
    error: `expected a size from ${leastText} to 1GiB`,
  });
}

const host = z
  .string()
  .refine((value) => isIP(value) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(value), {
    error: 'expected a host name or an IP address, without a port',
  });

const port = z.int().min(0).max(65_535);

function protocolOf(url: string): string {
  return URL.canParse(url) ? new URL(url).protocol : '';
}

const publicUrl = z
  .string()
  .refine((value) => /^https?:$/.test(protocolOf(value)) && !/[?#\s]/.test(value), {
    error: 'expected a URL such as https://hooks.example.com, without a query',
  })
  .transform((value) => value.replace(/\/+$/, ''));

/** Beyond it senders are answered 429. */
function limitSchema() {
  return z.strictObject({
    requests: z.number().positive().optional().describe('Requests a second'),
    bytes: sizeFrom(1, '1B').optional().describe('Bytes of bodies a second'),
  });
}

const trustedProxy = z.string().refine((value) => rangesOf(value) !== undefined, {
  error: 'expected an address, a range such as 10.0.0.0/8, or loopback, linklocal or uniquelocal',
});

const limitsSchema = z
  .strictObject({
    client: limitSchema()
      .optional()
      .describe(
        'What one client address may send; not limited unless set, as a large sender may have few addresses',
      ),
    key: limitSchema()
      .optional()
      .describe('What may be sent under one key with one token, over all pipelines; not limited unless set'),
    unproven: z
      .strictObject({
        requests: z.number().positive().default(1000).describe('Requests a second'),
        bytes: sizeFrom(1, '1B').prefault('16MiB').describe('Bytes of bodies a second'),
      })
      .prefault({})
      .describe(
        'What one client address may send with tokens that are not known to be good; a good one is known within seconds of its first request',
      ),
    network: z
      .int()
      .min(1)
      .default(16)
      .describe(
        'How many times as much as one client address may the IPv6 network (/48) send, keep open and keep in memory that ' +
          'it is in',
      ),
    connections: z
      .int()
      .min(1)
      .default(2000)
      .describe('Connections that one client address may have open; further ones are closed at once'),
  })
  .describe(
    'What senders may send, over all workers; more is answered 429. An IPv6 address counts by its first 64 bits; ' +
      'this machine itself has no limit, unless it is a trusted proxy',
  );

export const webhooksSchema = z
  .strictObject({
    host: host.default('127.0.0.1').describe('0.0.0.0 to be reached from other machines; put TLS in front'),
    port: port.default(8080).describe('0 takes any free one'),
    workers: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe('Processes that answer senders; up to one for each core'),
    maxBody: sizeFrom(1024, '1KiB').prefault('10MiB').describe('Larger bodies are refused with 413'),
    headerTimeout: durationFrom(1).prefault('10s').describe('How long a sender may take for its headers'),
    bodyTimeout: durationFrom(1).prefault('30s').describe('How long a sender may take for its body'),
    keepAlive: durationFrom(1)
      .prefault('65s')
      .describe("How long an idle connection is kept; more than your proxy's"),
    publicUrl: publicUrl.optional().describe('What senders call, where a proxy is in front'),
    trustedProxies: z
      .array(trustedProxy)
      .default([])
      .describe(
        'Proxies whose word counts for who the client is: addresses, ranges such as 10.0.0.0/8, or loopback, ' +
          'linklocal, uniquelocal',
      ),
    clientHeader: z
      .enum(['x-forwarded-for', 'forwarded'])
      .default('x-forwarded-for')
      .describe('The header in which trusted proxies note the client; no other one is believed'),
    limits: limitsSchema.prefault({}),
    bodies: z
      .strictObject({
        total: sizeFrom(65_536, '64KiB').prefault('128MiB').describe('Of all senders'),
        client: sizeFrom(65_536, '64KiB').prefault('32MiB').describe('Of one client address'),
      })
      .prefault({})
      .describe(
        'What bodies may take in the memory of each worker until they are answered; what finds no room within two ' +
          'seconds is answered 503',
      ),
  })
  .describe('The port for senders');

export const adminSchema = z
  .strictObject({
    host: host.default('127.0.0.1').describe('Anything but this machine alone requires a token'),
    port: port.default(8081).describe('0 takes any free one'),
    token: secret()
      .refine((value) => value.length >= 16, {
        error: 'expected 16 characters or more',
      })
      .optional()
      .describe('Required where the host is not this machine alone; 16 characters or more'),
    tokenFile: path()
      .optional()
      .describe(
        'Without a token the server mints one into this file, for its user alone, and beside it is the socket that the ' +
          "CLI uses; `admin-token` in the spool's folder unless set",
      ),
  })
  .describe('The port for you: API, metrics and probes');

/** `webhooks` and `admin` are validated by themselves, so that a fault in one hides none in the other. */
export const serverSchema = z.strictObject({
  webhooks: z.unknown().optional(),
  admin: z.unknown().optional(),
  grace: durationFrom(0).prefault('30s').describe('How long a shutdown may take to finish what is under way'),
});

/** The whole section, for editors and the reference. */
export const wholeServerSchema = z
  .strictObject({ ...serverSchema.shape, webhooks: webhooksSchema.optional(), admin: adminSchema.optional() })
  .describe('Two ports: `webhooks` is for senders, `admin` for you');

/** Likewise: each section has its own schema. */
export const fileSchema = z.strictObject({
  server: z.unknown().optional(),
  spool: z.unknown().optional(),
  tokens: z.unknown().optional(),
  plugins: z.unknown().optional(),
  destinations: z.unknown().optional(),
  discards: z.unknown().optional(),
  receipts: z.unknown().optional(),
  pipelines: z.unknown().optional(),
});

/** How long something is kept that is not needed any more. */
const keep = () =>
  duration().refine((value) => value >= 1000 && value <= 366 * 86_400_000, {
    error: 'expected a duration from 1s to 366d',
  });

export const receiptsSchema = z
  .strictObject({
    keep: keep().describe(
      'How long a receipt of each row that has landed is kept, as far as there is room; see `hookline request` and ' +
        '`hookline reconcile`',
    ),
  })
  .describe('What is remembered of requests that have landed; left out, nothing');

export const discardsSchema = z
  .strictObject({
    keep: keep().describe(
      'How long what fails authentication is held with its body, as far as there is room; release or drop it by ' +
        '`hookline discards`',
    ),
  })
  .describe(
    'What becomes of requests that fail authentication; left out, nothing of them is held but a list',
  );

/** What stands for one of these sections when it is left out. */
export const storeDefaults = {
  spool: { type: 'lmdb', path: './data/spool' },
  tokens: { type: 'lmdb', path: './data/tokens' },
} as const;

export const pluginsSchema = z
  .array(z.string().min(1))
  .describe('Connectors that are not built in: npm packages, or files such as ./my-warehouse.js');

/** What a destination's YAML may say to the engine, beside its plugin's own options. */
export const policySchema = z.strictObject({
  flush: z
    .strictObject({
      rows: z.int().min(1).max(1_000_000).describe('A batch is written when it has so many rows'),
      bytes: sizeFrom(1, '1B').describe('A batch is written when it has so many bytes'),
      every: durationFrom(0).describe('A batch is written when its oldest row has waited so long'),
    })
    .partial()
    .optional()
    .describe('When a batch is written: whatever comes first'),
  concurrency: z.int().min(1).max(256).optional().describe('Batches written at once'),
  timeout: durationFrom(1).optional().describe('How long one write may take before it is tried again'),
  haltAfter: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe('How many rows in a row may be refused alike, none landing, until the lane is halted'),
});

export const policyKeys = Object.keys(policySchema.shape);

export const pipelineSchema = z.strictObject({
  name: z.string().min(1).optional().describe("How people call it; the table's name unless set"),
  destination: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1, { error: 'name at least one destination' })])
    .describe('Where its rows go: a name under destinations, or a list of names; each gets every row'),
  table: z
    .string()
    .regex(/\S/, { error: 'must not be empty, expected the name of a table' })
    .describe('The table that its rows land in'),
  paused: z
    .boolean()
    .default(false)
    .describe('Senders are answered and nothing is lost, but nothing is loaded'),
  limit: limitSchema()
    .optional()
    .describe('What its senders may send, over all workers; more is answered 429'),
  signature: z.unknown().optional(),
});

/** Likewise whole: `signature` is validated by the scheme that its `type` names. */
export const wholePipelineSchema = z.strictObject({
  ...pipelineSchema.shape,
  signature: z
    .union(schemes.map(({ options }) => options))
    .optional()
    .describe('How its senders sign, by its `type`; what is not signed so is refused with 400'),
});
