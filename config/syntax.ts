import { type Document, visit, type YAMLError } from 'yaml';
import type { Source } from './source.js';

/**
 * Reports what is no YAML; true when there is anything. The first error of a line only, and none of those
 * that merely follow: one forgotten quote makes the parser stumble over the rest of the file. No text of
 * the file is shown, as it may be a secret.
 */
export function reportSyntax(source: Source, document: Document): boolean {
  const { errors, warnings } = document;
  const lines = new Set<number>();
  const found = [...errors, ...warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  for (const error of found) {
    const at = pointAt(source, document, error);
    const { line } = source.position(at);
    const follows = / in YAML stream/.test(error.message) && lines.size > 0;
    if (lines.has(line) || follows) continue;
    lines.add(line);
    const { what, hint } = word(error, lineText(source, line));
    source.report(at, [], `not valid YAML: ${what}`, hint);
  }
  return found.length > 0;
}

function pointAt(source: Source, document: Document, { code, message, pos }: YAMLError): number {
  if (/closing/.test(message)) return openingQuote(document, pos[0]);
  if (code !== 'BAD_INDENT') return pos[0];
  return pos[0] + (/^ */.exec(source.text.slice(pos[0]))?.[0].length ?? 0);
}

/** Where the text starts whose quote is missing: the parser notices only at its end. */
function openingQuote(document: Document, end: number): number {
  let at = end;
  visit(document, {
    Scalar(_, { type, range }) {
      if (type?.startsWith('QUOTE') && range && range[0] <= end && range[1] >= end) at = range[0];
    },
  });
  return at;
}

const space = 'indent with spaces, the same number for keys of one mapping';
const quotes = 'put the text in quotes';

function word({ code, message }: YAMLError, line: string): { readonly what: string; readonly hint?: string } {
  if (/[{[].*\$\{/.test(line) && ['UNEXPECTED_TOKEN', 'BAD_INDENT', 'MISSING_CHAR'].includes(code)) {
    return { what: 'inside `{ }` or `[ ]` braces end a text', hint: 'put what has `${` in it in quotes' };
  }
  switch (code) {
    case 'TAB_AS_INDENT':
      return { what: 'a tab as indentation', hint: 'indent with spaces' };
    case 'BAD_INDENT':
      if (/flow/i.test(message))
        return { what: 'a `{` or `[` is not closed', hint: 'close it, or indent what is in it' };
      return { what: 'this line is not aligned with its neighbours', hint: space };
    case 'BAD_SCALAR_START':
      return { what: 'a text cannot begin with this character', hint: quotes };
    case 'BAD_DQ_ESCAPE':
      return { what: 'unknown escape after `\\`', hint: "write `\\\\`, or put the text in 'single quotes'" };
    case 'BLOCK_AS_IMPLICIT_KEY':
      return {
        what: 'a second `: ` on the line, or a text followed by deeper lines',
        hint: `${quotes}, or check the indentation`,
      };
    case 'MULTILINE_IMPLICIT_KEY':
      return {
        what: 'a `:` is missing here, or the indentation is off',
        hint: 'write `key: value`, with a space after the colon',
      };
    case 'MULTIPLE_DOCS':
      return { what: 'a second document after `---`', hint: 'one file holds one configuration' };
    case 'TAG_RESOLVE_FAILED':
      return { what: 'unknown tag after `!`', hint: 'a text that begins with `!` needs quotes' };
    case 'MISSING_CHAR':
      if (/closing/.test(message))
        return { what: 'a quote is not closed', hint: 'the text must end with the quote it began with' };
      if (/ , /.test(message)) return { what: 'a comma is missing inside `{ }` or `[ ]`' };
      if (/followed by map values/.test(message))
        return {
          what: 'a `:` is missing after the key',
          hint: 'write `key: value`, with a space after the colon',
        };
      if (/^Comments/.test(message)) return { what: 'a comment must have a space before its `#`' };
      return { what: 'a character is missing here' };
    case 'UNEXPECTED_TOKEN':
      return { what: 'this does not belong here', hint: 'check quotes, brackets and indentation around it' };
    default:
      return { what: lowerFirst(message.replace(/:? ?".*$|: .*$/s, '')) };
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function lineText(source: Source, line: number): string {
  return source.text.split('\n')[line - 1] ?? '';
}
