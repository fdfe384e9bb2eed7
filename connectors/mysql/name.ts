import { ConfigError } from 'hookline/plugin';

/** A name as SQL takes it: https://dev.mysql.com/doc/refman/8.4/en/identifiers.html */
export function quoteName(name: string): string {
  const fault = faultOf(name);
  if (fault !== undefined) throw new ConfigError(`the name ${JSON.stringify(name)} ${fault}`);
  return `\`${name.replaceAll('`', '``')}\``;
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name.length > 64) return 'is longer than the 64 characters that MySQL takes';
  if (name.endsWith(' ')) return 'ends with a space, which MySQL does not take';
  // Beyond the basic multilingual plane each character is a pair of surrogates.
  if (/[\0\ud800-\udfff]/.test(name)) return 'has a character that MySQL takes in no name (NUL, emoji)';
  return undefined;
}
