const code = (character: string) => character.charCodeAt(0);
const [quote, backslash, comma, colon] = [code('"'), code('\\'), code(','), code(':')];
const [openBrace, closeBrace, openBracket, closeBracket] = [code('{'), code('}'), code('['), code(']')];
const [minus, plus, dot, zero] = [code('-'), code('+'), code('.'), code('0')];
const [lowerE, upperE, lowerU] = [code('e'), code('E'), code('u')];
const space = code(' ');

const blank = tableOf(' \t\n\r');
const digit = tableOf('0123456789');
const hexDigit = tableOf('0123456789abcdefABCDEF');
const escapable = tableOf('"\\/bfnrt');
/** What ends a run of plain characters in a string: its end, an escape, or what may not be there. */
const special = tableOf('"\\');
special.fill(1, 0, 0x20);

const words: readonly Buffer[] = ['true', 'false', 'null'].map((word) => Buffer.from(word));

/** The closers of what is open around the innermost, of one text at a time. Numbers would take ten times the room. */
let stack = new Uint8Array(1024);
const roomKept = 65_536;

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

/** In each round a value is read, or as much of it as is before the first value in it, and what follows it. */
function isText(bytes: Uint8Array): boolean {
  let depth = 0;
  /** Of the innermost array or object. */
  let closer = 0;
  let at = 0;
  for (;;) {
    at = afterBlanks(bytes, at);
    const byte = bytes[at];
    if (byte === openBrace || byte === openBracket) {
      if (depth === stack.length) stack = doubled(stack);
      stack[depth++] = closer;
      closer = byte === openBrace ? closeBrace : closeBracket;
      at = afterBlanks(bytes, at + 1);
      if (bytes[at] !== closer) {
        if (closer === closeBrace) at = endOfKey(bytes, at);
        if (at < 0) return false;
        continue;
      }
      at++;
      closer = stack[--depth] as number;
    } else {
      at = byte === quote ? endOfString(bytes, at) : endOfScalar(bytes, at);
      if (at < 0) return false;
    }
    for (;;) {
      at = afterBlanks(bytes, at);
      if (depth === 0) return at === bytes.length;
      const next = bytes[at++];
      if (next === comma) break;
      if (next !== closer) return false;
      closer = stack[--depth] as number;
    }
    if (closer === closeBrace) at = endOfKey(bytes, at);
    if (at < 0) return false;
  }
}

/** Mostly there are none, and to compare first takes half the time of looking each byte up. */
function afterBlanks(bytes: Uint8Array, start: number): number {
  let at = start;
  while ((bytes[at] as number) <= space && blank[bytes[at] as number] === 1) at++;
  return at;
}

function doubled(full: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(full.length * 2);
  larger.set(full);
  return larger;
}

/** The place after the key and the colon that begin here, if need be after blanks; -1 when there are none. */
function endOfKey(bytes: Uint8Array, start: number): number {
  let at = afterBlanks(bytes, start);
  if (bytes[at] !== quote) return -1;
  at = endOfString(bytes, at);
  if (at < 0) return -1;
  at = afterBlanks(bytes, at);
  return bytes[at] === colon ? at + 1 : -1;
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
  for (const word of words) if (bytes[start] === word[0]) return endOfWord(bytes, start, word);
  return endOfNumber(bytes, start);
}

function endOfWord(bytes: Uint8Array, start: number, word: Uint8Array): number {
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
