import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './npm.js';
import { Shed } from './shed.js';

/** Programs that are no dependencies of ours. */
const shed = new Shed();

/**
 * Builds a Go program, say `github.com/minio/minio@v0.0.0-…`; resolves to the binary. Needs `go`.
 * @param command the program's folder in its module, where it is not at the top. It is then built as what
 *   another module requires: `go install` wants the newest version too, which not every proxy has
 */
export async function fromGo(module: string, command?: string): Promise<string> {
  const folder = await shed.get([module, command].join(' ').trim(), async (draft) => {
    if (command === undefined) {
      await run(draft, 'env', `GOBIN=${draft}/bin`, 'CGO_ENABLED=0', 'go', 'install', module);
      return;
    }
    const [path = '', version = ''] = module.split('@');
    await writeFile(join(draft, 'go.mod'), `module built\n\ngo 1.25\n\nrequire ${path} ${version}\n`);
    const build = ['go', 'build', '-mod=mod', '-o', `${draft}/bin/`, `${path}/${command}`];
    await run(draft, 'env', 'CGO_ENABLED=0', ...build);
  });
  return join(folder, 'bin', (command ?? module.replace(/@.*/, '')).split('/').at(-1) ?? '');
}

/** A Go program that is not simply a module's own. */
export interface GoProgram {
  readonly name: string;
  /** What it is made of, as `module@version`. */
  readonly modules: readonly string[];
  /** Its main package: one of a module's, or a file of ours. */
  readonly main: { readonly package: string } | { readonly file: string };
  readonly tags?: readonly string[];
}

/** Builds it as a module of its own, which may require modules with `replace`; resolves to the binary. Needs `go`. */
export async function buildGo({ name, modules, main, tags = [] }: GoProgram): Promise<string> {
  const source = 'file' in main ? await readFile(main.file, 'utf8') : main.package;
  const digest = createHash('sha256')
    .update([source, ...modules, ...tags].join('\n'))
    .digest('hex');
  const folder = await shed.get(`${name}-${digest.slice(0, 12)}`, async (draft) => {
    const requires = modules.map((module) => `require ${module.replace('@', ' ')}\n`).join('');
    await writeFile(join(draft, 'go.mod'), `module built\n\ngo 1.25\n\n${requires}`);
    if ('file' in main) await writeFile(join(draft, 'main.go'), source);
    const what = 'file' in main ? '.' : main.package;
    const build = ['go', 'build', '-mod=mod', `-tags=${tags.join(',')}`, '-o', `${draft}/bin/${name}`, what];
    await run(draft, 'env', 'CGO_ENABLED=0', ...build);
  });
  return join(folder, 'bin', name);
}

/** A Python environment that holds these packages; resolves to its `bin`. Needs `python3` with `venv`. */
export async function fromPyPI(...packages: string[]): Promise<string> {
  // An environment is made for one Python, whose library it shares.
  const version = (await run('.', 'python3', '--version')).trim();
  const folder = await shed.get([version, ...packages].join(' '), async (draft) => {
    await run(draft, 'python3', '-m', 'venv', '--copies', '.');
    await run(draft, 'bin/python', '-m', 'pip', 'install', '--quiet', ...packages);
  });
  return join(folder, 'bin');
}

/** A folder with an npm package in its `node_modules`; its `engines` are not heeded. */
export async function fromNpm(...packages: string[]): Promise<string> {
  return await shed.get(packages.join(' '), async (draft) => {
    await writeFile(join(draft, 'package.json'), '{ "private": true }');
    await run(draft, 'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages);
  });
}
