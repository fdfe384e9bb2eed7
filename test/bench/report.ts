/** Something measured: a rate, a time, an amount. It depends on the machine. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What else there is to say of it, as percentiles. */
  readonly remark?: string;
}

/** Two figures of one run, held against each other: what counts. */
export interface Ratio {
  readonly name: string;
  readonly value: number;
  /** What it must reach; where less is better, what it must not pass. */
  readonly goal?: number;
  readonly better: 'more' | 'less';
  readonly unit?: string;
}

export interface ScenarioResult {
  readonly scenario: string;
  readonly figures: readonly Figure[];
  readonly ratios: readonly Ratio[];
}

/** What a scenario finds, printed as it comes. */
export class Report {
  readonly scenario: string;
  readonly #figures: Figure[] = [];
  readonly #ratios: Ratio[] = [];

  constructor(scenario: string, about: string) {
    this.scenario = scenario;
    print(`\n${scenario}: ${about}`);
  }

  figure(name: string, value: number, unit: string, remark?: string): number {
    this.#figures.push({ name, value, unit, ...(remark !== undefined && { remark }) });
    print(
      `  ${name.padEnd(52)} ${shown(value).padStart(10)} ${unit}${remark === undefined ? '' : `   ${remark}`}`,
    );
    return value;
  }

  /** @param goal what it must reach at least; with `better: 'less'`, at most */
  ratio(name: string, value: number, goal?: number, better: Ratio['better'] = 'more', unit?: string): number {
    this.#ratios.push({
      name,
      value,
      better,
      ...(goal !== undefined && { goal }),
      ...(unit !== undefined && { unit }),
    });
    const verdict =
      goal === undefined
        ? ''
        : `   ${better === 'more' ? 'at least' : 'at most'} ${goal}: ${meets(value, goal, better) ? 'yes' : 'NO'}`;
    print(`  ${name.padEnd(52)} ${shown(value).padStart(10)} ${unit ?? ''}${verdict}`);
    return value;
  }

  get result(): ScenarioResult {
    return { scenario: this.scenario, figures: this.#figures, ratios: this.#ratios };
  }
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function shown(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}

export function meets(value: number, goal: number, better: Ratio['better']): boolean {
  return better === 'more' ? value >= goal : value <= goal;
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** @param of 0 to 100 */
export function percentile(values: readonly number[], of: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (of / 100) * (sorted.length - 1);
  const [low = 0, high = low] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}
