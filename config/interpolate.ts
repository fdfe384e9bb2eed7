import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { TextDecoder } from 'node:util';

/** Where `${...}` gets its values from. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** Relative files are relative to it. */
  readonly folder: string;
}

/** A reference that has no value. Neither text shows what the scalar holds: it may be a secret. */
export interface Fault {
  /** Which `${` of the text it is, from 0; escaped ones count. */
  readonly index: number;
  readonly what: string;
  readonly hint: string;
}

export interface Interpolated {
  readonly value: string;
  /** What was replaced, as `${NAME}` or `${file:...}`. */
  readonly references: readonly string[];
  readonly faults: readonly Fault[];
}

type Replacement = { readonly text: string; readonly reference: string } | Omit<Fault, 'index'>;

/** Replaces `${NAME}`, `${NAME:-default}` and `${file:path}`; `$${` stands for `${`. */
export function interpolate(text: string, surroundings: Surroundings): Interpolated {
  const references: string[] = [];
  const faults: Fault[] = [];
  let index = -1;
  const value = text.replaceAll(/\$\$\{|\$\{([^}]*)(\}?)/g, (whole, inner: string, end: string) => {
    index++;
    if (whole === '$${') return '${';
    const replacement: Replacement = end === '' ? unclosed : replace(inner, surroundings);
    if ('text' in replacement) {
      references.push(replacement.reference);
      return replacement.text;
    }
    faults.push({ index, ...replacement });
    return '';
  });
  return { value, references, faults };
}

const unclosed = { what: '`${` is not closed', hint: 'close it with `}`, or write `$${` for a plain `${`' };

const forms = ['NAME', 'NAME:-default', 'file:/path'].map((form) => `\`\${${form}}\``).join(', ');

const malformed = {
  what: 'this is not a reference to anything',
  hint: `use ${forms}, one not inside another; \`$\${\` is a plain \`\${\``,
};

function replace(inner: string, { env, folder }: Surroundings): Replacement {
  if (inner.includes('${')) return malformed;
  if (inner.startsWith('file:') && inner.length > 5) return readSecret(inner.slice(5), folder);
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner);
  const name = match?.[1];
  if (name === undefined) return malformed;
  const given = Object.hasOwn(env, name) ? env[name] : undefined;
  const fallback = match?.[2];
  // As in a shell: `:-` also stands in for a variable that is set to nothing.
  const text = fallback === undefined ? given : given || fallback;
  if (text !== undefined) return { text, reference: `\${${name}}` };
  return {
    what: `the environment variable ${name} is not set`,
    hint: `set it, or give a default: \`\${${name}:-...}\``,
  };
}

function readSecret(name: string, folder: string): Replacement {
  const file = resolve(folder, name);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
    return { text: text.replace(/(?:\r?\n)+$/, ''), reference: `\${file:${name}}` };
  } catch (error) {
    return { what: `the file ${file} ${whyUnreadable(error)}`, hint: 'check its path and its rights' };
  }
}

/** In words that follow the file's name: `does not exist`. */
export function whyUnreadable(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user';
  if (code === 'EISDIR') return 'is a folder';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8 text';
  return `cannot be read (${code ?? 'unknown error'})`;
}
