import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manifest } from '../manifest.js';

/** A connector that is built and tested with this package, under a name that stands for the new one's. */
const template = fileURLToPath(new URL('../../../connectors/scaffold/', import.meta.url));
const placeholder = 'my-warehouse';

/** Writes a connector into an empty folder. @param hookline where npm installs this package from */
export async function writeConnector(folder: string, name: string, hookline: string): Promise<void> {
  await writeNew(join(folder, 'package.json'), `${JSON.stringify(packageOf(name, hookline), null, 2)}\n`);
  const entries = await readdir(template, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isFile())) {
    const source = join(entry.parentPath, entry.name);
    const text = (await readFile(source, 'utf8')).replaceAll(placeholder, name);
    // npm takes a file of that name in a package for its own.
    const target = relative(template, source).replace(/^gitignore$/, '.gitignore');
    await writeNew(join(folder, target), text);
  }
}

async function writeNew(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text, { flag: 'wx' });
}

/** With the versions that the template is tested with. */
function packageOf(name: string, hookline: string): object {
  const { version, engines, dependencies, devDependencies } = manifest;
  const tool = (each: string) => [each, `^${devDependencies[each]}`];
  return {
    name: `hookline-connector-${name}`,
    version: '0.1.0',
    description: `The destination ${name} for Hookline`,
    keywords: ['hookline', 'webhooks'],
    type: 'module',
    engines,
    exports: { '.': { types: './dist/src/index.d.ts', default: './dist/src/index.js' } },
    files: ['dist/src'],
    scripts: {
      build: 'tsc',
      prepack: 'npm run --silent build',
      test: 'npm run --silent build && mocha dist/test',
    },
    peerDependencies: { hookline: `^${version}` },
    dependencies: { zod: `^${dependencies['zod']}` },
    devDependencies: Object.fromEntries([
      ...['@types/mocha', '@types/node'].map(tool),
      ['hookline', hookline],
      ...['mocha', 'typescript'].map(tool),
    ]),
  };
}
