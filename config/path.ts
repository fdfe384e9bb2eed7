/** Keys and list positions that lead to an option. */
export type Path = readonly (string | number)[];

/** `destinations.warehouse.hosts[1]`; a key of other characters is quoted. */
export function renderPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += `${text === '' ? '' : '.'}${/^[\w-]+$/.test(step) ? step : JSON.stringify(step)}`;
  }
  return text;
}
