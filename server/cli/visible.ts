/** C0, DEL, C1, and what changes the direction of text. */
const controls = /[\p{Cc}\p{Bidi_C}]/gu;

/**
 * Text as a terminal may show it: what senders and warehouses wrote could otherwise move its cursor, set its title or
 * make a line read as another. Line breaks and tabs stay.
 */
export function visible(text: string): string {
  return text.replaceAll(controls, (found) => (found === '\n' || found === '\t' ? found : escaped(found)));
}

/** Likewise in one line. */
export function visibleLine(text: string): string {
  return visible(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

/** A line of JSON whose texts are `visible` once it is parsed. */
export function visibleJson(line: string): string {
  return line.replaceAll(
    /\\(?<control>u00[01][\da-f]|[bfr])|\\.|[\p{Cc}\p{Bidi_C}]/giu,
    (found, control?: string) => {
      if (control !== undefined) return `\\\\${control}`;
      return found.startsWith('\\') || found === '\n' ? found : `\\${escaped(found)}`;
    },
  );
}

function escaped(control: string): string {
  return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
