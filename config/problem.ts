/** One fault of a configuration file, where it is and what to do. It never holds a secret. */
export interface Problem {
  /** The file as the user named it. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** In characters, from 1. */
  readonly column: number;
  /** What is wrong, with the option's path in front: `destinations.warehouse.schemaa: unknown key`. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** `hookline.yaml:12:5  destinations.warehouse.schemaa: unknown key; did you mean ...` on one line. */
export function renderProblem(problem: Problem): string {
  const { file, line, column, message, hint } = problem;
  return `${file}:${line}:${column}  ${message}${hint === undefined ? '' : `; ${hint}`}`;
}

/**
 * Everything that is wrong with a configuration file, sorted by position. The CLI prints the message
 * and exits with 78 (`EX_CONFIG`). Not to be confused with core's `ConfigError`, which is about a
 * warehouse's set-up.
 */
export class ConfigProblems extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], options?: ErrorOptions) {
    super(problems.map(renderProblem).join('\n'), options);
    this.name = 'ConfigProblems';
    this.problems = problems;
  }
}
