import { stripVTControlCharacters, styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Colours on a terminal, unless `NO_COLOR` is set; plain text elsewhere. */
export function paint(style: Style, text: string): string {
  const plain = !process.stdout.isTTY || process.env['NO_COLOR'] !== undefined;
  return plain ? text : styleText(style, text);
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined));
}

/**
 * Aligned columns with a header on a terminal; tab-separated lines without one when piped, so that `cut`
 * and `awk` read them.
 */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  if (!process.stdout.isTTY) {
    for (const row of rows) print(row.map((cell) => cell.replaceAll(/[\t\n\r]+/g, ' ')).join('\t'));
    return;
  }
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => stripVTControlCharacters(row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - stripVTControlCharacters(cell).length))
      .join('  ')
      .trimEnd();
  print(paint('bold', line(header)));
  for (const row of rows) print(line(row));
}

/** `12 s`, `3 min`, `5 h`, `2 d`. */
export function age(seconds: number): string {
  if (seconds < 1) return seconds === 0 ? '-' : '< 1 s';
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** One line, at most so many characters. */
export function brief(text: string, most = 80): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}

/** An item of a list, in lines as wide as the terminal, at most 100; one line when piped. */
export function fill(text: string): string {
  if (!process.stdout.isTTY) return `- ${text}`;
  const width = Math.min(100, process.stdout.columns || 80) - 2;
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string;
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return `- ${lines.join('\n  ')}`;
}

/** `1 row`, `1,204 rows`. */
export function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}
