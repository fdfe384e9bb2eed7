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
  const [pipeline] = config.pipelines.values();
  if (pipeline === undefined) return;
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
  const url = readyUrl(config, pipeline.id, minted.stored.key, minted.token, port);
  const file = relative(process.cwd(), config.file);
  const option = file === 'hookline.yaml' ? '' : ` --config ${file}`;
  print(`
${paint('bold', 'Hookline is running.')} Post a webhook, from another terminal:

curl -H 'Content-Type: application/json' -d '{"hello": "world"}' '${url}'

See the row:

npx hookline rows ${pipeline.id}${option}

The token in that URL is not shown again; \`npx hookline tokens create${option}\` mints others.
${placesOf(config)}
Ctrl-C stops it; nothing that was answered is lost.
`);
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
