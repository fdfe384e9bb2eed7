import { isIP } from 'node:net';
import { z } from 'zod';
import { bytes, duration, secret } from '../core/options.js';

/** The schemas of what the YAML says by itself; destinations, spool and tokens besides have their plugin's. */

/** `setTimeout` takes no more than 2^31-1 milliseconds, and fires at once beyond. */
const longest = 24 * 86_400_000;

function durationFrom(least: number) {
  return duration().refine((value) => value >= least && value <= longest, {
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

export const webhooksSchema = z.strictObject({
  host: host.default('127.0.0.1'),
  /** 0 takes any free one. */
  port: port.default(8080),
  workers: z.int().min(1).max(64).default(1),
  maxBody: sizeFrom(1024, '1KiB').prefault('10MiB'),
  headerTimeout: durationFrom(1).prefault('10s'),
  bodyTimeout: durationFrom(1).prefault('30s'),
  keepAlive: durationFrom(1).prefault('65s'),
  publicUrl: publicUrl.optional(),
});

export const adminSchema = z.strictObject({
  host: host.default('127.0.0.1'),
  port: port.default(8081),
  token: secret().optional(),
});

/** `webhooks` and `admin` are validated by themselves, so that a fault in one hides none in the other. */
export const serverSchema = z.strictObject({
  webhooks: z.unknown().optional(),
  admin: z.unknown().optional(),
  grace: durationFrom(0).prefault('30s'),
});

/** Likewise: each section has its own schema. */
export const fileSchema = z.strictObject({
  server: z.unknown().optional(),
  spool: z.unknown().optional(),
  tokens: z.unknown().optional(),
  plugins: z.unknown().optional(),
  destinations: z.unknown().optional(),
  pipelines: z.unknown().optional(),
});

export const pluginsSchema = z.array(z.string().min(1));

/** What a destination's YAML may say to the engine, beside its plugin's own options. */
export const policySchema = z.strictObject({
  flush: z
    .strictObject({
      rows: z.int().min(1).max(1_000_000),
      bytes: sizeFrom(1, '1B'),
      every: durationFrom(0),
    })
    .partial()
    .optional(),
  concurrency: z.int().min(1).max(256).optional(),
  timeout: durationFrom(1).optional(),
});

export const policyKeys = Object.keys(policySchema.shape);

export const pipelineSchema = z.strictObject({
  /** The table's name, unless it is given. */
  name: z.string().min(1).optional(),
  destination: z.union([
    z.string().min(1),
    z.array(z.string().min(1)).min(1, { error: 'name at least one destination' }),
  ]),
  table: z.string().regex(/\S/, { error: 'must not be empty, expected the name of a table' }),
  paused: z.boolean().default(false),
});
