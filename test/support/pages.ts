import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './npm.js';

export interface Page {
  /** From the project's root, such as `server/SENDERS.md`. */
  readonly path: string;
  readonly text: string;
}

/** Where pages lie: the README, and those beside the code that they speak of. */
const folders = ['config', 'connectors', 'core', 'server', 'test'];

export const pages: readonly Page[] = [
  'README.md',
  ...folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md') && !name.startsWith('scaffold'))
      .map((name) => `${folder}/${name}`)
      .sort(),
  ),
].map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

/** @param path of one of `pages` */
export function pageOf(path: string): string {
  const page = pages.find((each) => each.path === path);
  if (page === undefined) throw new Error(`there is no page ${path}`);
  return page.text;
}

/** "Write a connector". */
export const writing = pageOf('connectors/WRITING.md');

/** The name by which a heading is linked, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

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
