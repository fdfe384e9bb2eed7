import { ConfigError } from 'hookline/plugin';

/** A name as SQL takes it. */
export function quoteName(name: string): string {
  const fault = faultOf(name);
  if (fault !== undefined) throw new ConfigError(`the name ${JSON.stringify(name)} ${fault}`);
  return `\`${name.replaceAll(/[\\`]/g, '\\$&')}\``;
}

/** A text as SQL takes it. */
export function quoteText(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}

/** The name as ClickHouse makes a file name of it: each byte but of letters, digits and _ as %XX. */
export function escapeName(name: string): string {
  return Array.from(Buffer.from(name), (byte) => {
    const letter = String.fromCharCode(byte);
    return /\w/.test(letter) ? letter : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name.includes('\0')) return 'has a NUL in it';
  // A file's name has 255 bytes, and ClickHouse adds endings of its own.
  if (escapeName(name).length > 200)
    return 'is too long for a file name of ClickHouse: 200 letters, or 66 others';
  return undefined;
}
