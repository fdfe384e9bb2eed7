import type { PluginKind } from '../core/contract/plugin.js';
import { schemes } from '../core/intake/signatures/index.js';
import type { Item } from './inventory.js';
import { type Option, optionsOf, sectionOptions, signatureOptions } from './reference.js';
import { storeDefaults } from './sections.js';

/** Every option of the YAML as a page of Markdown, for the repository. */
export function referencePage(items: readonly Item[]): string {
  const of = (kind: PluginKind) => items.filter((item) => item.kind === kind);
  return `${[
    '# Every option',
    'Generated from the declarations that check the YAML, by `npm run reference`; `hookline plugins NAME` prints the same for your own plugins. One whose type says secret is masked wherever configuration is shown.',
    '## server',
    table(sectionOptions('server')),
    '## plugins',
    table(sectionOptions('plugins')),
    '## destinations',
    'Each has a name of your choice, and a `type`.',
    ...of('destination').flatMap(plugin),
    '## pipelines',
    'Each has a number of your choice, from 1 to 2^53-1.',
    table(sectionOptions('pipelines')),
    ...schemes.flatMap((scheme) => [
      `### signature of type: ${scheme.type}`,
      scheme.description,
      table(signatureOptions(scheme)),
    ]),
    '## tokens',
    leftOut(storeDefaults.tokens),
    ...of('token-store').flatMap(plugin),
    '## spool',
    leftOut(storeDefaults.spool),
    ...of('spool').flatMap(plugin),
    '## discards',
    'Left out, nothing is held of what fails authentication.',
    table(sectionOptions('discards')),
    '## receipts',
    'Left out, nothing is remembered of what has landed.',
    table(sectionOptions('receipts')),
  ].join('\n\n')}\n`;
}

function leftOut({ type, path }: { readonly type: string; readonly path: string }): string {
  return `Left out, it is \`{ type: ${type}, path: ${path} }\`.`;
}

function plugin(item: Item): string[] {
  return [`### type: ${item.name}`, item.description, table(optionsOf(item))].filter((part) => part !== '');
}

function table(options: readonly Option[]): string {
  if (options.length === 0) return 'No options.';
  const rows = options.map(({ name, type, required, default: usual, secret, meaning }) => [
    code(name),
    secret ? `${type}, secret` : type,
    usual === undefined ? (required ? 'required' : '') : code(usual),
    meaning,
  ]);
  return [['option', 'type', 'default', 'meaning'], ['---', '---', '---', '---'], ...rows]
    .map(
      (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`,
    )
    .join('\n');
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}
