import { z } from 'zod';
import { loadConfig } from '../../config/load.js';
import { ConfigProblems, type Problem, renderProblem } from '../../config/problem.js';
import type { Config } from '../../config/schema.js';
import type { Plugin } from '../../core/contract/plugin.js';
import { type PluginLoader, Registry } from '../../core/host/registry.js';
import { bytes, definePlugin, path, secret } from '../../core/index.js';

const create = (): never => {
  throw new Error('the loader creates nothing');
};

const postgres = definePlugin({
  kind: 'destination',
  name: 'postgres',
  config: z
    .object({
      url: z
        .string()
        .regex(/^postgres:/, { error: (issue) => `bad url ${String(issue.input)}` })
        .meta({ secret: true }),
      schema: z.string().default('public'),
      port: z.int().min(1).max(65_535).optional(),
      ssl: z
        .union([z.boolean(), z.strictObject({ ca: path().optional(), verify: z.boolean().optional() })])
        .optional(),
      mode: z.enum(['copy', 'insert']).optional(),
      password: secret().optional(),
      pin: z.int().meta({ secret: true }).optional(),
    })
    .refine((options) => options.password !== 'forbidden', {
      error: 'the password forbidden is not allowed',
    }),
  defaults: { flush: { bytes: '4MiB' }, timeout: '1m' },
  create,
});

const duckdb = definePlugin({
  kind: 'destination',
  name: 'duckdb',
  config: z.object({ path: path() }),
  create,
});

const lmdb = (kind: 'spool' | 'token-store') =>
  definePlugin({
    kind,
    name: 'lmdb',
    config: z.object({ path: path(), maxSize: bytes().optional() }),
    create,
  });

const load =
  (plugin: Plugin): PluginLoader =>
  async () => ({ default: plugin });

/** Small plugins named like the real ones, and one that cannot be loaded. */
export function fakeRegistry(): Registry {
  return new Registry({
    destination: {
      postgres: load(postgres),
      duckdb: load(duckdb),
      broken: () => Promise.reject(new Error("Cannot find package 'some-sdk'")),
    },
    'token-store': { lmdb: load(lmdb('token-store')) },
    spool: { lmdb: load(lmdb('spool')) },
  });
}

export const folder = '/srv/hookline';

export async function loadText(
  text: string,
  env: NodeJS.ProcessEnv = {},
  registry = fakeRegistry(),
): Promise<Config> {
  return await loadConfig(`${folder}/hookline.yaml`, registry, { text, env });
}

/** The problems of a text; none when it loads. */
export async function problemsIn(
  file: string,
  registry: Registry,
  options: { text?: string; env?: NodeJS.ProcessEnv },
): Promise<readonly Problem[]> {
  try {
    await loadConfig(file, registry, options);
    return [];
  } catch (error) {
    if (error instanceof ConfigProblems) return error.problems;
    throw error;
  }
}

/** Each problem as the CLI prints it, without the file's name. */
export async function complaints(text: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const problems = await problemsIn('hookline.yaml', fakeRegistry(), { text, env });
  return problems.map((problem) => renderProblem(problem).replace(/^hookline\.yaml:/, ''));
}
