const code = (character: string) => character.charCodeAt(0);
const [quote, backslash, comma, colon] = [code('"'), code('\\'), code(','), code(':')];
const [openBrace, closeBrace, openBracket, closeBracket] = [code('{'), code('}'), code('['), code(']')];
const [minus, plus, dot, zero] = [code('-'), code('+'), code('.'), code('0')];
const [lowerE, upperE, lowerU] = [code('e'), code('E'), code('u')];

const blank = tableOf(' \t\n\r');
const digit = tableOf('0123456789');
const hexDigit = tableOf('0123456789abcdefABCDEF');
const escapable = tableOf('"\\/bfnrt');
/** What ends a run of plain characters in a string: its end, an escape, or what may not be there. */
const special = tableOf('"\\');
special.fill(1, 0, 0x20);

const words: ReadonlyMap<number, Buffer> = new Map(
  ['true', 'false', 'null'].map((word) => [code(word), Buffer.from(word)]),
);

/** The closers of what is open, of one text at a time. An array of numbers would take ten times the room. */
let stack = new Uint8Array(1024);
const roomKept = 65_536;

/** What may come next: a value; one or the end of an array; a key; one or the end of an object; what follows a value. */
type Next = 'value' | 'first element' | 'key' | 'first key' | 'separator';

/**
 * Whether the bytes are one JSON text (RFC 8259). They have to be UTF-8, of which only ASCII means anything
 * outside strings. `JSON.parse` would tell as well, but it builds the value: that takes twice as long or more,
 * and then there is garbage to collect.
 */
export function isJson(bytes: Uint8Array): boolean {
  const is = isText(bytes);
  if (stack.length > roomKept) stack = new Uint8Array(roomKept);
  return is;
}

function isText(bytes: Uint8Array): boolean {
  let depth = 0;
  let next: Next = 'value';
  let at = 0;
  for (;;) {
    while (blank[bytes[at] as number] === 1) at++;
    const byte = bytes[at];
    if (next === 'separator') {
      if (depth === 0) return at === bytes.length;
      at++;
      if (byte === stack[depth - 1]) depth--;
      else if (byte !== comma) return false;
      else next = stack[depth - 1] === closeBrace ? 'key' : 'value';
      continue;
    }
    if (next === 'first key' || next === 'key') {
      if (byte === closeBrace && next === 'first key') {
        depth--;
        at++;
        next = 'separator';
        continue;
      }
      at = byte === quote ? endOfString(bytes, at) : -1;
      if (at < 0) return false;
      while (blank[bytes[at] as number] === 1) at++;
      if (bytes[at++] !== colon) return false;
      next = 'value';
      continue;
    }
    if (byte === openBrace || byte === openBracket) {
      if (depth === stack.length) stack = doubled(stack);
      stack[depth++] = byte === openBrace ? closeBrace : closeBracket;
      at++;
      next = byte === openBrace ? 'first key' : 'first element';
    } else if (byte === closeBracket && next === 'first element') {
      depth--;
      at++;
      next = 'separator';
    } else {
      at = byte === quote ? endOfString(bytes, at) : endOfScalar(bytes, at);
      if (at < 0) return false;
      next = 'separator';
    }
  }
}

function doubled(full: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(full.length * 2);
  larger.set(full);
  return larger;
}

/** The place after the string that begins here; -1 when it is none. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  for (;;) {
    while (special[bytes[at] as number] === 0) at++;
    const byte = bytes[at];
    if (byte === quote) return at + 1;
    if (byte !== backslash) return -1;
    const escaped = bytes[at + 1] as number;
    if (escaped === lowerU) {
      for (let digits = 2; digits < 6; digits++) {
        if (hexDigit[bytes[at + digits] as number] !== 1) return -1;
      }
      at += 6;
    } else if (escapable[escaped] === 1) {
      at += 2;
    } else {
      return -1;
    }
  }
}

/** The place after the number or word that begins here; -1 when there is none. */
function endOfScalar(bytes: Uint8Array, start: number): number {
  const word = words.get(bytes[start] as number);
  if (word === undefined) return endOfNumber(bytes, start);
  for (let index = 1; index < word.length; index++) {
    if (bytes[start + index] !== word[index]) return -1;
  }
  return start + word.length;
}

function endOfNumber(bytes: Uint8Array, start: number): number {
  let at = start;
  if (bytes[at] === minus) at++;
  at = bytes[at] === zero ? at + 1 : endOfDigits(bytes, at);
  if (at >= 0 && bytes[at] === dot) at = endOfDigits(bytes, at + 1);
  if (at >= 0 && (bytes[at] === lowerE || bytes[at] === upperE)) {
    at++;
    if (bytes[at] === plus || bytes[at] === minus) at++;
    at = endOfDigits(bytes, at);
  }
  return at;
}

/** The place after at least one digit; -1 when there is none. */
function endOfDigits(bytes: Uint8Array, start: number): number {
  let at = start;
  while (digit[bytes[at] as number] === 1) at++;
  return at === start ? -1 : at;
}

/** For each byte 1 if it is one of the characters. Past the end of a text there is no byte, and no 0 or 1. */
function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of characters) table[code(character)] = 1;
  return table;
}
