/** `npm test` attacks for seconds; `npm run crash`, `npm run faults` and `npm run fuzz` do for minutes. */
const long = process.env['HOOKLINE_ATTACK'] === 'long';

/** How often, how long or how much, in either. */
export function sized(short: number, inLong: number): number {
  return long ? inLong : short;
}

/** Whatever chance decides is decided by this; the same `SEED` attacks in the same way again. */
export const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** What was done how often, and what it cost: the table that an attack ends with. */
export class Scoreboard {
  readonly #title: string;
  readonly #scores = new Map<string, { times: number; lost: number; doubled: number }>();

  constructor(title: string) {
    this.#title = title;
  }

  /** @param what in the plural, as `SIGKILLs of the load process` */
  add(what: string, times: number, { lost = 0, doubled = 0 } = {}): void {
    const score = this.#scores.get(what) ?? { times: 0, lost: 0, doubled: 0 };
    this.#scores.set(what, {
      times: score.times + times,
      lost: score.lost + lost,
      doubled: score.doubled + doubled,
    });
  }

  /** As Markdown, so that it can stand in the README as it was printed. */
  print(): void {
    const lines = [...this.#scores].map(
      ([what, { times, lost, doubled }]) =>
        `| ${what} | ${times.toLocaleString('en')} | ${lost} | ${doubled} |`,
    );
    const head = [`| ${this.#title} (SEED=${seed}) | times | lost | doubled |`, '| --- | --- | --- | --- |'];
    console.log(`\n${[...head, ...lines].join('\n')}\n`);
  }
}
