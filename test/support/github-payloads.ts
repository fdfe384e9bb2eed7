import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Every payload of GitHub's webhooks that the package has, of the site and of each server version. */
export function githubPayloads(): Buffer[] {
  return ['api.github.com', 'ghes-31', 'ghes-32', 'ghes-33', 'ghes-34', 'ghes-35'].flatMap((folder) => {
    const file = require.resolve(`@octokit/webhooks-examples/${folder}/index.json`);
    const events = JSON.parse(readFileSync(file, 'utf8')) as { examples: unknown[] }[];
    return events.flatMap(({ examples }) =>
      examples.map((example) => Buffer.from(JSON.stringify(example, null, 2))),
    );
  });
}
