import { z } from 'zod';
import { definePlugin, type Plugin } from '../../core/index.js';
import { StaticTokenStore } from './token-store.js';

/** YAML reads `835212` as a number; a pipeline's id is its digits. */
const pipelineId = z
  .union([z.int().positive(), z.string()], { error: 'expected a pipeline id such as 835212' })
  .transform(String)
  .refine((id) => /^[1-9]\d{0,15}$/.test(id) && Number.isSafeInteger(Number(id)), {
    error: 'expected a pipeline id: decimal digits, at most 2^53-1',
  });

const expiry = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: 'expected an ISO date such as 2027-01-31 or 2027-01-31T12:00:00Z',
  })
  .transform((value) => new Date(value));

const listed = z.strictObject({
  key: z
    .string()
    .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'expected a UUID')
    .transform((key) => key.toLowerCase())
    .describe("The token's key, a UUID"),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'expected the SHA-256 of the token: 64 hexadecimal digits')
    .describe("The token's digest: printf %s 'the token' | sha256sum"),
  description: z.string().optional().describe('What the token is for'),
  pipelines: z.array(pipelineId).optional().describe('The pipelines that it may post to; all unless set'),
  active: z.boolean().default(true).describe('false: its requests are discarded'),
  expires: expiry.optional().describe('From then on its requests are discarded; never unless set'),
});

const tokens = z.array(listed).superRefine((list, context) => {
  const seen = new Set<string>();
  for (const [index, { key }] of list.entries()) {
    if (seen.has(key))
      context.addIssue({ code: 'custom', message: `key ${key} is listed twice`, path: [index, 'key'] });
    seen.add(key);
  }
});

const plugins: readonly Plugin[] = [
  definePlugin({
    kind: 'token-store',
    name: 'static',
    description: 'Digests of tokens in the YAML itself',
    config: z.object({ tokens: tokens.describe('The tokens') }),
    guarantee: 'Tokens are in the configuration itself: another list takes a reload.',
    create: (config) => new StaticTokenStore(config.tokens),
  }),
];

export default plugins;
