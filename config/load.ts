import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { PluginKind } from '../core/contract/plugin.js';
import type { Registry } from '../core/host/registry.js';
import { readDestinations } from './destinations.js';
import { readDocument } from './document.js';
import { readInstance, type Workshop } from './instance.js';
import { whyUnreadable } from './interpolate.js';
import { readPipelines } from './pipelines.js';
import { loadPlugins } from './plugins.js';
import type { Config, PluginInstance } from './schema.js';
import { discardsSchema, fileSchema, receiptsSchema, storeDefaults } from './sections.js';
import { readServer } from './server.js';
import { Source } from './source.js';
import { type Entry, isNothing, type MappingNode, type ScalarNode, type Tree } from './tree.js';
import { validate } from './validate.js';

export { ConfigProblems, type Problem, renderProblem } from './problem.js';

export interface LoadOptions {
  /** The file's text, where it was read before; the file itself is then not touched. */
  readonly text?: string;
  /** For `${NAME}`; `process.env` unless given. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Reads and checks a configuration file. Plugins that it lists are added to the registry.
 * @throws ConfigProblems with everything that is wrong
 */
export async function loadConfig(
  file: string,
  registry: Registry,
  options: LoadOptions = {},
): Promise<Config> {
  const { text, source, sections } = await readFileSections(file, options);
  const complete = await loadPlugins(source, sections.get('plugins'), registry);
  const workshop: Workshop = { source, registry, complete };
  const server = readServer(source, sections.get('server'), sections.get('spool'));
  const spool = await readStore(workshop, 'spool', 'spool', sections.get('spool'));
  const tokens = await readStore(workshop, 'token-store', 'tokens', sections.get('tokens'));
  const destinations = await readDestinations(workshop, sections.get('destinations'));
  const pipelines = readPipelines(source, sections.get('pipelines'), destinations);
  const discards = readKeeping(source, 'discards', discardsSchema, sections.get('discards'));
  const receipts = readKeeping(source, 'receipts', receiptsSchema, sections.get('receipts'));
  source.secrets.hide();
  source.assertSound();
  if (server === undefined || spool === undefined || tokens === undefined) {
    throw new Error(`${file}: not loaded, and no problem was found; this is a bug of Hookline`);
  }
  return {
    file: resolve(file),
    text,
    server,
    spool,
    tokens,
    ...(discards !== undefined && { discards }),
    ...(receipts !== undefined && { receipts }),
    destinations: destinations.sound,
    pipelines,
  };
}

function readKeeping(
  source: Source,
  name: 'discards' | 'receipts',
  schema: typeof discardsSchema | typeof receiptsSchema,
  section: Entry | undefined,
): Config['discards'] {
  if (section === undefined || isNothing(section.node)) return undefined;
  return validate(schema, { source, entry: section, path: [name] })?.value;
}

/**
 * Makes the plugins that a file lists known, whatever else is wrong with it: an editor wants its schema
 * before the file is right, and where its environment is not set.
 * @throws ConfigProblems when the file is no YAML, or a plugin cannot be loaded
 */
export async function loadPluginsOf(
  file: string,
  registry: Registry,
  options: LoadOptions = {},
): Promise<void> {
  const { source, sections } = await readFileSections(file, options);
  const plugins = new Source(source.file, source.folder, source.text);
  const complete = await loadPlugins(plugins, sections.get('plugins'), registry);
  plugins.assertSound();
  if (!complete) throw source.problems();
}

/**
 * The `server` section alone, whatever else is wrong with the file: to find the server that runs on it.
 * @throws ConfigProblems when the file is no YAML, or that section has a fault
 */
export async function loadServer(
  file: string,
  options: LoadOptions = {},
): Promise<Pick<Config, 'file' | 'server'>> {
  const { source, sections } = await readFileSections(file, options);
  const own = new Source(source.file, source.folder, source.text);
  const server = readServer(own, sections.get('server'), sections.get('spool'));
  own.secrets.hide();
  own.assertSound();
  if (server === undefined) throw source.problems();
  return { file: resolve(file), server };
}

async function readFileSections(file: string, options: LoadOptions) {
  const folder = dirname(resolve(file));
  const text = options.text ?? (await readText(file, folder));
  const source = new Source(file, folder, text.replace(/^\uFEFF/, ''));
  const tree = readDocument(source, options.env ?? process.env);
  const sections = tree && readSections(source, tree);
  if (sections === undefined) throw source.problems();
  return { text, source, sections };
}

/** The file's sections; undefined when its top level is no mapping. */
function readSections(source: Source, tree: Tree): ReadonlyMap<string, Entry> | undefined {
  if (tree.kind !== 'mapping') {
    const what = `the top level must be a mapping, not a ${tree.kind === 'list' ? 'list' : 'text'}`;
    source.report(tree.at, [], what, 'begin with `destinations:` and `pipelines:`');
    return undefined;
  }
  // `x-...` is a place for anchors, as in Compose files.
  const sections = new Map([...tree.entries].filter(([key]) => !key.startsWith('x-')));
  const node: MappingNode = {
    ...tree,
    entries: new Map([...sections].map(([key, entry]) => [key, opaque(entry)])),
  };
  validate(fileSchema, { source, entry: { keyAt: 0, node }, path: [] });
  return sections;
}

/** The key alone: what is under it is checked with its own section. */
function opaque({ keyAt }: Entry): Entry {
  const node: ScalarNode = {
    kind: 'scalar',
    at: keyAt,
    value: null,
    empty: true,
    references: [],
    broken: false,
  };
  return { keyAt, node };
}

async function readStore<K extends PluginKind>(
  workshop: Workshop,
  kind: K,
  name: 'spool' | 'tokens',
  section: Entry | undefined,
): Promise<PluginInstance<K> | undefined> {
  const entry =
    section === undefined || isNothing(section.node)
      ? embedded(storeDefaults[name], section?.keyAt ?? 0)
      : section;
  return await readInstance(workshop, kind, name, entry, [name]);
}

/** What stands for a section that is left out. */
function embedded(options: Readonly<Record<string, string>>, at: number): Entry {
  const text = (value: string): Entry => ({
    keyAt: at,
    node: { kind: 'scalar', at, value, empty: false, references: [], broken: false },
  });
  const entries = new Map(Object.entries(options).map(([key, value]) => [key, text(value)]));
  return { keyAt: at, node: { kind: 'mapping', at, entries } };
}

async function readText(file: string, folder: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const source = new Source(file, folder, '');
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const hint = missing
      ? '`hookline init` writes one; `--config` names another'
      : 'check its path and its rights';
    source.report(0, [], `the configuration file ${whyUnreadable(error)}`, hint);
    throw source.problems();
  }
  const text = bytes.toString('utf8');
  if (isUtf8(bytes)) return text;
  // The first character that decoding had to replace; one that the file itself has stays in its bytes.
  const source = new Source(file, folder, text);
  const line = bytes
    .toString('latin1')
    .split('\n')
    .findIndex((each) => !isUtf8(Buffer.from(each, 'latin1')));
  const start = text.split('\n').slice(0, line).join('\n').length + (line > 0 ? 1 : 0);
  source.report(
    Math.max(start, text.indexOf('\uFFFD', start)),
    [],
    'the file is not UTF-8',
    'save it as UTF-8',
  );
  throw source.problems();
}
