import { resolve } from 'node:path';
import { z } from 'zod';

/** Building blocks for a plugin's `config`: each is a zod schema and can be refined further. */

const sizes: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** A size as `bytes` reads it, in the largest unit that it fills: `64MiB`, `1.5GiB`. */
export function formatBytes(bytes: number): string {
  const [unit, length] = Object.entries(sizes).findLast(([, each]) => bytes >= each) ?? ['B', 1];
  return `${Math.round((bytes / length) * 10) / 10}${unit}`;
}

const durations: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** What an option's text stands for, in its schema's metadata: the reference names it, and writes defaults so. */
export type Form = 'size' | 'duration' | 'path';

/** @param plain what a number without a unit is a number of; without it only 0 is one */
function quantity(form: Form, units: Readonly<Record<string, number>>, example: string, plain?: string) {
  const unit = Object.keys(units).join('|');
  const written = new RegExp(`^(\\d+(?:\\.\\d+)?)\\s*(${unit})$`);
  const expected = `expected a ${form}${plain === undefined ? ' with its unit,' : ''} such as ${example}`;
  return z
    .union([z.number(), z.string()], { error: expected })
    .transform((value, context) => {
      const text = String(value).trim();
      const match = written.exec(text);
      const unit = match?.[2] === undefined ? undefined : units[match[2]];
      if (match !== null && unit !== undefined) return Math.round(Number(match[1]) * unit);
      if ((plain === undefined ? /^0$/ : /^\d+$/).test(text)) return Number(text);
      context.issues.push({
        code: 'custom',
        message: plain === undefined ? expected : `${expected}, or a whole number of ${plain}`,
        input: value,
      });
      return z.NEVER;
    })
    .meta({
      form,
      // For editors: the text's pattern, and what holds for a number.
      pattern: `^\\s*(\\d+(\\.\\d+)?\\s*(${unit})|${plain === undefined ? '0' : '\\d+'})\\s*$`,
      minimum: 0,
      ...(plain === undefined ? { maximum: 0 } : { multipleOf: 1 }),
    });
}

/** A parsed size or duration as one writes it: 1000 is `1s`. */
export function writeQuantity(form: Form, value: number): string {
  const units = Object.entries(form === 'size' ? sizes : durations).reverse();
  const [unit, factor] = units.find(([, each]) => value > 0 && value % each === 0) ?? ['', 1];
  return `${value / factor}${unit}`;
}

/** A size: `16MiB`, `50GiB`, or a number of bytes. Parsed to bytes. */
export function bytes() {
  return quantity('size', sizes, '16MiB', 'bytes');
}

/** Milliseconds: `setTimeout` takes no more than 2^31-1, and fires at once beyond. */
export const longestDelay = 24 * 86_400_000;

/** A duration: `250ms`, `1s`, `5m`, `1h`, `7d`, or 0; who writes 60 may mean seconds. Parsed to milliseconds. */
export function duration() {
  return quantity('duration', durations, '1s');
}

/**
 * Who may read and write files that are made: `0600`, `0640`, `0644`. Parsed to such a text. YAML reads an
 * unquoted 0640 as the number 640, and 0o640 as 416: both are meant so.
 */
export function fileMode() {
  const error = 'expected who may read and write, such as 0600, 0640 or 0644';
  return z
    .union([z.string(), z.number()], { error })
    .transform((value, context) => {
      const octal = typeof value === 'number' && value <= 0o666 ? value.toString(8) : String(value);
      if (/^0?6[0246]{2}$/.test(octal)) return `0${octal.slice(-3)}`;
      context.issues.push({ code: 'custom', message: error, input: value });
      return z.NEVER;
    })
    .meta({ pattern: '^0?6[0246]{2}$' });
}

/** A text that is masked wherever configuration is shown. */
export function secret() {
  return z.string().min(1).meta({ secret: true });
}

/** A file or folder; a relative one is relative to the YAML file. Parsed to an absolute path. */
export function path() {
  return z
    .string()
    .min(1)
    .transform((value) => resolve(baseFolder.current(), value))
    .meta({ form: 'path' satisfies Form });
}

const slot = Symbol.for('hookline.baseFolder');
type Slot = { [slot]?: string };

/**
 * The folder that `path()` resolves against while a configuration is parsed. It lives on `globalThis`,
 * since a plugin may bring its own copy of this package.
 */
export const baseFolder = {
  current(): string {
    return (globalThis as Slot)[slot] ?? process.cwd();
  },
  /** Runs a synchronous `parse` with relative paths resolved against `folder`. */
  during<T>(folder: string, parse: () => T): T {
    const before = (globalThis as Slot)[slot];
    (globalThis as Slot)[slot] = folder;
    try {
      return parse();
    } finally {
      if (before === undefined) delete (globalThis as Slot)[slot];
      else (globalThis as Slot)[slot] = before;
    }
  },
};
