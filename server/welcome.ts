import { relative } from 'node:path';
import type { Container } from 'inversify';
import type { Config } from '../config/schema.js';
import { parts } from '../core/keys.js';
import { mint } from '../core/mint.js';
import { paint, print } from './cli/output.js';
import { readyUrl } from './urls.js';

const day = 86_400_000;

/**
 * What a newcomer needs: a command that posts, and one that shows the row. The first token is for good;
 * as a token is shown only once, each later start mints one for a day.
 */
export async function welcome(config: Config, container: Container, port: number | undefined): Promise<void> {
  const pipelines = [...config.pipelines.values()];
  const pipeline = pipelines.find(({ signature }) => signature === undefined) ?? pipelines[0];
  if (pipeline === undefined) return;
  const file = relative(process.cwd(), config.file);
  const option = file === 'hookline.yaml' ? '' : ` --config ${file}`;
  const { post, note } =
    pipeline.signature === undefined
      ? {
          post: `curl -H 'Content-Type: application/json' -d '{"hello": "world"}' '${await freshUrl(config, container, pipeline.id, port)}'`,
          note: `The token in that URL is not shown again; \`npx hookline tokens create${option}\` mints others.`,
        }
      : {
          post: `echo '{"hello": "world"}' | npx hookline send ${pipeline.id}${option}`,
          note: `Its senders sign what they post; \`npx hookline tokens create${option}\` prints their URL.`,
        };
  print(`
${paint('bold', 'Hookline is running.')} Post a webhook, from another terminal:

${post}

See the row:

npx hookline rows ${pipeline.id}${option}

${note}
${placesOf(config)}
Ctrl-C stops it; nothing that was answered is lost.
`);
}

/** A URL with a token that was minted for it. */
async function freshUrl(
  config: Config,
  container: Container,
  pipeline: string,
  port: number | undefined,
): Promise<string> {
  const tokens = container.get(parts.tokens);
  await tokens.open(AbortSignal.timeout(config.server.grace));
  let minted: ReturnType<typeof mint>;
  try {
    const isFirst = (await tokens.list()).length === 0;
    minted = mint({
      description: 'Quickstart',
      ...(isFirst ? {} : { expiresAt: new Date(Date.now() + day) }),
    });
    await tokens.create(minted.stored);
  } finally {
    await tokens.close();
  }
  return readyUrl(config, pipeline, minted.stored.key, minted.token, port);
}

/** Where the data lies: the paths among the plugins' options. */
function placesOf(config: Config): string {
  return [config.spool, config.tokens, ...config.destinations.values()]
    .flatMap(({ name, options }) => {
      const { path } = options as { readonly path?: unknown };
      return typeof path === 'string' ? [`${name.padEnd(12)} ${relative(process.cwd(), path)}`] : [];
    })
    .join('\n');
}
