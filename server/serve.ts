import { loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { builtins } from '../connectors/index.js';
import { messageOf } from '../core/contract/errors.js';
import { keys, parts } from '../core/contract/keys.js';
import type { Logger } from '../core/contract/logger.js';
import { Lifecycle } from '../core/host/lifecycle.js';
import { Registry } from '../core/host/registry.js';
import { adminApp } from './admin.js';
import { AdminListener } from './admin-listener.js';
import { CommandError } from './cli/exit.js';
import { compose } from './compose.js';
import { CurrentConfig } from './current-config.js';
import { adminUrl, webhookUrl } from './instance.js';
import { createLogger } from './logging.js';
import type { Recruit } from './recruit.js';
import { Reload } from './reload.js';
import type { RoleName } from './roles/role.js';
import { Supervisor } from './supervisor.js';
import { Terminal } from './terminal.js';
import { welcome } from './welcome.js';

export interface ServeOptions {
  readonly config: string;
  readonly role: ReadonlySet<RoleName>;
  readonly welcome?: boolean;
}

/**
 * `hookline serve`: runs until it is told to end.
 * @param recruit becomes the first ack worker
 */
export async function run(options: ServeOptions, recruit?: Recruit): Promise<void> {
  process.title = 'hookline';
  const config = new CurrentConfig(await loadConfig(options.config, new Registry(builtins)));
  const logger = await createLogger('main');
  const container = compose(config, logger);
  const supervisor = new Supervisor(config, options.role, logger, container.get(keys.metrics), recruit);
  const lifecycle = new Lifecycle();
  const admin = new AdminListener(config);
  let started = () => {};
  const reload = new Reload(
    {
      config,
      supervisor,
      logger,
      metrics: container.get(keys.metrics),
      adopted: () => {
        if (options.role.has('admin')) admin.renew();
      },
    },
    new Promise<void>((resolve) => {
      started = resolve;
    }),
  );
  const ending = obeySignals({ supervisor, lifecycle, config, logger, reload });

  lifecycle.opened('roles', () => supervisor.close());
  try {
    await supervisor.open();
    if (options.role.has('ack')) {
      logger.info({}, `webhooks are accepted on ${webhookUrl(config, supervisor.port)}`);
    }
    if (options.role.has('admin')) {
      const spool = container.get(parts.spool);
      lifecycle.opened('spool', () => spool.close());
      await spool.open(AbortSignal.timeout(config.server.grace));
      lifecycle.opened('admin', () => admin.close());
      await admin.open((guard) => adminApp({ config, supervisor, spool, logger, reload }, guard), logger);
      logger.info({}, `the admin API is on ${adminUrl(config)}`);
    }
  } catch (error) {
    // Told to end while it started: what failed was cut off, and the signal's handler closes everything.
    if (ending()) return;
    await lifecycle.close();
    throw inUse(error, config);
  }
  if (ending()) return;
  started();
  if (options.welcome) await welcome(config, container, supervisor.port);
}

interface Obedient {
  readonly supervisor: Supervisor;
  readonly lifecycle: Lifecycle;
  readonly config: Config;
  readonly logger: Logger;
  readonly reload: Reload;
}

/**
 * SIGTERM and Ctrl-C end in order; a second one ends at once. SIGHUP reads the configuration again, unless
 * it comes because the terminal is gone. Returns whether it ends.
 */
function obeySignals({ supervisor, lifecycle, config, logger, reload }: Obedient): () => boolean {
  let since: number | undefined;
  const end = async (signal: string) => {
    // `npm start` passes on what the terminal has sent to all: that is one signal, not two.
    if (since !== undefined && performance.now() - since < 500) return;
    if (since !== undefined) {
      supervisor.kill();
      process.exit(1);
    }
    since = performance.now();
    supervisor.retire();
    logger.info({}, `${signal}: finishing what is in flight; once more ends at once`);
    const late = setTimeout(() => {
      supervisor.kill();
      logger.error({}, `not finished within ${config.server.grace} ms; what is left lies safe in the spool`);
      process.exit(1);
    }, config.server.grace);
    const failures = await lifecycle.close();
    for (const { name, error } of failures) {
      logger.error({}, `${name} did not close in order: ${messageOf(error)}`);
    }
    clearTimeout(late);
    logger.info({}, 'done');
    process.exit(failures.length === 0 ? 0 : 1);
  };
  process.on('SIGTERM', (signal) => void end(signal));
  process.on('SIGINT', (signal) => void end(signal));
  const terminal = new Terminal();
  const hangUp = async () => {
    let gone = await terminal.isGone();
    if (!gone && since === undefined) {
      // What is wrong is in the log.
      await reload.run().catch(() => undefined);
      // On a busy machine it may take longer to go.
      gone = await terminal.isGone();
    }
    if (gone && since === undefined) await end('SIGHUP, the terminal is gone');
  };
  process.on('SIGHUP', () => void hangUp());
  return () => since !== undefined;
}

function inUse(error: unknown, config: Config): unknown {
  const message = messageOf(error);
  if (!message.includes('EADDRINUSE')) return error;
  // A worker's comes with its stack, and Node words it in two ways.
  const [address = 'an address'] = /\S+:\d+(?=\s|$)/.exec(message.split('EADDRINUSE')[1] ?? '') ?? [];
  return new CommandError(
    `${address} is taken by another process (EADDRINUSE): stop that one, or change server.webhooks or server.admin ` +
      `in ${config.file}`,
  );
}
