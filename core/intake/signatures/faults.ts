/** What is wrong with a signature, for the operator: the header's name, never its value. */
export const faults = {
  absent: (header: string) => `it has no ${header}`,
  malformed: (header: string) => `its ${header} is not of the form that this type of signature has`,
  unmatched: 'its signature is by none of the secrets, or of another body',
} as const;

/**
 * Why a signed timestamp is not taken; `undefined` when it is near enough. It may be seconds or milliseconds
 * since the epoch, or a date and time of RFC 3339.
 * @param tolerance milliseconds to either side: clocks go wrong both ways
 * @param now milliseconds since the epoch
 */
export function ageFault(text: string, tolerance: number, now: number): string | undefined {
  const moment = momentOf(text);
  if (Number.isNaN(moment)) return 'its timestamp is none';
  const age = now - moment;
  if (Math.abs(age) <= tolerance) return undefined;
  const seconds = Math.round(Math.abs(age) / 1000);
  return `its timestamp is ${seconds} s ${age > 0 ? 'behind' : 'ahead of'} this machine's clock`;
}

/** The timestamp of a request that is signed now. */
export function seconds(now: number): string {
  return String(Math.floor(now / 1000));
}

/** Milliseconds since the epoch. Eleven digits of seconds last until the year 5138. */
function momentOf(text: string): number {
  if (/^\d{1,11}$/.test(text)) return Number(text) * 1000;
  if (/^\d{12,14}$/.test(text)) return Number(text);
  // RFC 3339, 5.6: `t` and `z` are as good, and so is a blank between date and time.
  return /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text.toUpperCase().replace(' ', 'T'))
    : Number.NaN;
}
