import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './npm.js';

/** "Write a connector". */
export const writing = readFileSync(join(root, 'connectors/WRITING.md'), 'utf8');

/** The code blocks of a page in that language, in their order. */
export function blocksOf(page: string, language: string): string[] {
  return [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language)
    .map(([, , text]) => text as string);
}

/** The connector that "Write a connector" shows, as in a project that has `hookline` and `zod` installed. */
export async function writeConnector(folder: string): Promise<string> {
  const [source = ''] = blocksOf(writing, 'js');
  const text = source.replace(/'(hookline\/plugin|zod)'/g, (_, name) => `'${import.meta.resolve(name)}'`);
  const file = join(folder, 'json-lines.js');
  await writeFile(file, text);
  await writeFile(join(folder, 'package.json'), '{"type": "module"}');
  return file;
}
