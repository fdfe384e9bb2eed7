import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from './hookline.js';
import { root, run } from './npm.js';

/** Where programs that are no dependencies of ours are kept from one run to the next. */
const shed = join(root, 'node_modules/.cache/hookline');

/**
 * Builds a Go program, say `github.com/minio/minio@v0.0.0-…`; resolves to the binary. Needs `go`.
 * @param command the program's folder in its module, where it is not at the top. It is then built as what
 *   another module requires: `go install` wants the newest version too, which not every proxy has
 */
export async function fromGo(module: string, command?: string): Promise<string> {
  const folder = await once([module, command].join(' ').trim(), async (draft) => {
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
  const folder = await once(`${name}-${digest.slice(0, 12)}`, async (draft) => {
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
  const folder = await once(packages.join(' '), async (draft) => {
    await run(draft, 'python3', '-m', 'venv', '--copies', '.');
    await run(draft, 'bin/python', '-m', 'pip', 'install', '--quiet', ...packages);
  });
  return join(folder, 'bin');
}

/** A folder with an npm package in its `node_modules`; its `engines` are not heeded. */
export async function fromNpm(...packages: string[]): Promise<string> {
  return await once(packages.join(' '), async (draft) => {
    await writeFile(join(draft, 'package.json'), '{ "private": true }');
    await run(draft, 'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages);
  });
}

/** Runs an installation unless it is there already, whole; waits where another process is at it. */
async function once(name: string, make: (draft: string) => Promise<void>): Promise<string> {
  const folder = join(shed, name.replaceAll(/[^\w.@=-]+/g, '_'));
  const done = join(folder, '.done');
  if (existsSync(done)) return folder;
  const release = await alone(`${folder}.lock`);
  try {
    if (existsSync(done)) return folder;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await make(folder);
    await writeFile(`${done}.part`, '');
    await rename(`${done}.part`, done);
    return folder;
  } finally {
    await release();
  }
}

/** Resolves once this process alone holds the lock, a file with its id in it, to what lets it go. */
async function alone(lock: string): Promise<() => Promise<void>> {
  const mine = `${lock}.${process.pid}`;
  await mkdir(dirname(lock), { recursive: true });
  await writeFile(mine, String(process.pid));
  for (;;) {
    try {
      await link(mine, lock);
      await rm(mine);
      return () => rm(lock);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = Number(await readFile(lock, 'utf8').catch(() => ''));
    // Killed in the middle.
    if (holder > 0 && !isAlive(holder)) await rm(lock, { force: true });
    await sleep(500);
  }
}
