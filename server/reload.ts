import { type Differences, differencesOf } from '../config/differences.js';
import { assertChangeable } from '../config/fixed.js';
import { ConfigProblems, loadConfig, renderProblem } from '../config/load.js';
import { builtins } from '../connectors/index.js';
import { messageOf } from '../core/contract/errors.js';
import type { Logger } from '../core/contract/logger.js';
import type { Metrics } from '../core/contract/metrics.js';
import { Registry } from '../core/host/registry.js';
import type { CurrentConfig } from './current-config.js';
import { reloadLines } from './reload-lines.js';
import type { Outcome } from './roles/role.js';
import type { Supervisor } from './supervisor.js';

/** What a reload did. */
export interface ReloadReport extends Differences, Outcome {
  readonly file: string;
}

export interface ReloadParts {
  readonly config: CurrentConfig;
  readonly supervisor: Supervisor;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Called when another configuration is in force. */
  readonly adopted: () => void;
}

/**
 * Reads the configuration file again and puts it in force, whole or not at all: first every process makes
 * ready for it, and only when all could do they go on by it.
 */
export class Reload {
  readonly #parts: ReloadParts;
  readonly #successful;
  readonly #succeededAt;
  #last: Promise<unknown>;

  /** @param started reloads that are asked for before wait for it */
  constructor(parts: ReloadParts, started: Promise<unknown>) {
    this.#parts = parts;
    this.#last = started;
    this.#successful = parts.metrics.gauge(
      'hookline_config_last_reload_successful',
      'Whether the last reload of the configuration was taken; 1 when there was none',
    );
    this.#succeededAt = parts.metrics.gauge(
      'hookline_config_last_reload_success_timestamp_seconds',
      'When the configuration in force was read',
    );
    this.#succeeded();
  }

  /**
   * One after the other, each with the file as it is then.
   * @throws ConfigProblems when the file is refused; the configuration before it stays in force
   */
  run(): Promise<ReloadReport> {
    const turn = this.#last.then(() => this.#run());
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #run(): Promise<ReloadReport> {
    const { config, supervisor, logger } = this.#parts;
    try {
      const next = await loadConfig(config.file, new Registry(builtins));
      assertChangeable(config, next);
      await supervisor.prepare(next.text);
      const differences = differencesOf(config, next);
      // From here on a process that dies starts again with the new one.
      config.replace(next);
      this.#parts.adopted();
      const report = { file: next.file, ...differences, ...(await supervisor.adopt()) };
      this.#succeeded();
      for (const line of reloadLines(report)) logger.info({}, line);
      return report;
    } catch (error) {
      this.#successful.set(0);
      const problems =
        error instanceof ConfigProblems ? error.problems.map(renderProblem) : [messageOf(error)];
      for (const problem of problems) logger.error({}, `not reloaded: ${problem}`);
      logger.error({}, `the configuration from before stays in force; ${config.file} was refused`);
      throw error;
    }
  }

  #succeeded(): void {
    this.#successful.set(1);
    this.#succeededAt.set(Date.now() / 1000);
  }
}
