import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * The URL to import for an entry of `plugins:`: a file (`./audit.js`, relative to `folder`) or an npm
 * package as `folder` sees it.
 * @throws Error when there is no such package
 */
export function resolveSpecifier(specifier: string, folder: string): string {
  if (specifier.startsWith('file:')) return specifier;
  if (/^\.{1,2}[\\/]/.test(specifier) || isAbsolute(specifier)) {
    return pathToFileURL(resolve(folder, specifier)).href;
  }
  try {
    return pathToFileURL(createRequire(join(folder, 'hookline.yaml')).resolve(specifier)).href;
  } catch (error) {
    // `require` does not see a package that exports to `import` only, as most plugins will.
    const entry = importEntry(specifier, folder);
    if (entry !== undefined) return pathToFileURL(entry).href;
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'MODULE_NOT_FOUND') throw error;
    throw new Error(`there is no such package in ${folder} or above; npm install it there`, { cause: error });
  }
}

const form = /^((?:@[^/]+\/)?[^/]+)(\/.+)?$/;

/** What a package's `exports` give to `import`. Patterns (`./*`) are not looked at. */
function importEntry(specifier: string, folder: string): string | undefined {
  const [, name, subpath = ''] = form.exec(specifier) ?? [];
  if (name === undefined) return undefined;
  for (let at = folder; ; at = dirname(at)) {
    const home = join(at, 'node_modules', name);
    const manifest = join(home, 'package.json');
    if (existsSync(manifest)) {
      const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly exports?: unknown };
      const key = `.${subpath}`;
      const target =
        isRecord(exports) && Object.keys(exports).some((each) => each.startsWith('.'))
          ? exports[key]
          : exports;
      const file = chooseTarget(target);
      return file === undefined ? undefined : join(home, file);
    }
    if (dirname(at) === at) return undefined;
  }
}

const conditions = new Set(['node', 'import', 'module-sync', 'default']);

function chooseTarget(target: unknown): string | undefined {
  if (typeof target === 'string') return target;
  if (Array.isArray(target)) return target.map(chooseTarget).find((file) => file !== undefined);
  if (!isRecord(target)) return undefined;
  for (const [condition, inner] of Object.entries(target)) {
    const file = conditions.has(condition) ? chooseTarget(inner) : undefined;
    if (file !== undefined) return file;
  }
  return undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
