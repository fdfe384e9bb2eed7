import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
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
  return await write(folder, 'json-lines.js', blocksOf(writing, 'js')[0] ?? '');
}

/** Its connector of a server, with a destination that knows how it would connect and no more. */
export async function writeServerConnector(folder: string): Promise<string> {
  const source = blocksOf(writing, 'js').find((block) => block.includes('serverAddress({')) ?? '';
  const destination = 'export class AcmeDestination { constructor(connect) { this.connect = connect; } }';
  await write(folder, 'destination.js', destination);
  return await write(folder, 'acme.js', source);
}

async function write(folder: string, name: string, source: string): Promise<string> {
  const text = source.replace(/'(hookline\/plugin|zod)'/g, (_, name) => `'${import.meta.resolve(name)}'`);
  const file = join(folder, name);
  await mkdir(folder, { recursive: true });
  await writeFile(file, text);
  await writeFile(join(folder, 'package.json'), '{"type": "module"}');
  return file;
}
