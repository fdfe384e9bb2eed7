import { randomUUID } from 'node:crypto';
import { styleText } from 'node:util';
import { visible, visibleLine } from './visible.js';

type Style = Parameters<typeof styleText>[0];

/** Stands for the escape character in our own colours until they are printed: no sender can know it. */
const marker = `<${randomUUID()}>`;
const colour = new RegExp(`${marker}\\[[\\d;]*m`, 'g');

/** Colours on a terminal, unless `NO_COLOR` is set; plain text elsewhere. */
export function paint(style: Style, text: string): string {
  const plain = !process.stdout.isTTY || process.env['NO_COLOR'] !== undefined;
  return plain ? text : styleText(style, text).replaceAll('\x1b', marker);
}

/**
 * A line, or several; on a terminal with all control characters shown, so that nothing that was written elsewhere
 * works on it. Returns whether more is wanted, as `write` does.
 */
export function print(text: string): boolean {
  const line = process.stdout.isTTY ? visible(text).replaceAll(marker, '\x1b') : text;
  return process.stdout.write(`${line}\n`);
}

/** Likewise to stderr: what is not the answer. */
export function complain(text: string): void {
  process.stderr.write(`${process.stderr.isTTY ? visible(text) : text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined));
}

/**
 * Aligned columns with a header on a terminal; tab-separated lines without one when piped, so that `cut`
 * and `awk` read them.
 * @param flexible columns whose cells may be cut on a terminal that is too narrow for them
 */
export function printTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  flexible: readonly string[] = [],
): void {
  if (!process.stdout.isTTY) {
    for (const row of rows) print(row.map((cell) => cell.replaceAll(/[\t\n\r]+/g, ' ')).join('\t'));
    return;
  }
  const shown = rows.map((row) => row.map(visibleLine));
  const widths = header.map((name, column) =>
    Math.max(name.length, ...shown.map((row) => lengthOf(row[column] ?? ''))),
  );
  const cut = flexible.map((name) => header.indexOf(name));
  narrow(widths, cut);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (cut.includes(column) ? brief(cell, widths[column]) : cell))
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - lengthOf(cell)))
      .join('  ')
      .trimEnd();
  print(paint('bold', line(header)));
  for (const row of shown) print(line(row));
}

/** Takes from the widest of these columns until the table fits the terminal, or each is down to a few characters. */
function narrow(widths: number[], columns: readonly number[]): void {
  const least = 5;
  const taken = widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1));
  for (let excess = taken - (process.stdout.columns || 80); excess > 0; excess--) {
    const widest = Math.max(...columns.map((column) => widths[column] ?? 0));
    if (widest <= least) return;
    widths[columns.find((column) => widths[column] === widest) as number] = widest - 1;
  }
}

function lengthOf(cell: string): number {
  return cell.replaceAll(colour, '').length;
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
