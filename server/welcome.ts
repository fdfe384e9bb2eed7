import { relative } from 'node:path';
import type { Container } from 'inversify';
import type { Config } from '../config/schema.js';
import { parts } from '../core/contract/keys.js';
import { type Minted, mint } from '../core/operations/mint.js';
import { paint, print } from './cli/output.js';
import { removeExpired } from './expired-tokens.js';
import { readyUrl } from './urls.js';

const day = 86_400_000;
const description = 'Quickstart';

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
      ? plainPost(await freshToken(config, container), option, (key, token) =>
          readyUrl(config, pipeline.id, key, token, port),
        )
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

/** The answer ends without a line break. */
function plainPost(
  { token, stored }: Minted,
  option: string,
  urlOf: (key: string, token: string) => string,
): { readonly post: string; readonly note: string } {
  const term = stored.expiresAt === undefined ? '' : 'good for a day, and ';
  return {
    post: `curl -w '\\n' -H 'Content-Type: application/json' -d '{"hello": "world"}' '${urlOf(stored.key, token)}'`,
    note: `The token in that URL is ${term}not shown again; \`npx hookline tokens create${option}\` mints others.`,
  };
}

async function freshToken(config: Config, container: Container): Promise<Minted> {
  const tokens = container.get(parts.tokens);
  await tokens.open(AbortSignal.timeout(config.server.grace));
  try {
    const isFirst = (await tokens.list()).length === 0;
    const minted = mint({
      description,
      ...(isFirst ? {} : { expiresAt: new Date(Date.now() + day) }),
    });
    await tokens.create(minted.stored);
    await removeExpired(tokens, description).catch(() => undefined);
    return minted;
  } finally {
    await tokens.close();
  }
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
