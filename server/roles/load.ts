import type { Container } from 'inversify';
import { isSameInstance } from '../../config/differences.js';
import type { Config } from '../../config/schema.js';
import { ConfigError, instructionOf, messageOf } from '../../core/contract/errors.js';
import { keys, parts } from '../../core/contract/keys.js';
import type { TokenStore } from '../../core/contract/token-store.js';
import { Authenticator } from '../../core/delivery/authenticator.js';
import { Engine } from '../../core/delivery/engine.js';
import type { Outlet } from '../../core/delivery/outlet.js';
import { Prover } from '../../core/delivery/prover.js';
import { Lifecycle } from '../../core/host/lifecycle.js';
import { TrustedClock } from '../../core/host/trusted-clock.js';
import { outletsOf, tokensOf } from '../compose.js';
import { Kept } from './kept.js';
import { Listings } from './listings.js';
import { askTimeout, outletNamed, readingAnswers } from './reading.js';
import type { LoadAnswers, Role } from './role.js';

/** Milliseconds that a reload's answer waits for what the configuration before has begun, and for a first look. */
const patience = 10_000;

/**
 * Runs the lanes; knows no sender.
 * @param fenced called when another load process has claimed the spool
 */
export async function startLoad(
  config: Config,
  container: Container,
  fenced: (error: unknown) => void,
): Promise<Role<LoadAnswers>> {
  const lifecycle = new Lifecycle();
  const spool = container.get(parts.spool);
  const engine = container.get(Engine);
  const prover = container.get(Prover);
  let now = {
    config,
    tokens: container.get(parts.tokens),
    authenticator: container.get(Authenticator),
    outlets: container.get(parts.outlets),
  };
  const kept = new Kept(spool, container.get(keys.metrics));
  const listings = new Listings();
  let changing: Promise<void> = Promise.resolve();
  const outlet = (name: string) => outletNamed(now.outlets, name);

  lifecycle.opened('spool', () => spool.close());
  await spool.open(AbortSignal.timeout(config.server.grace));
  kept.prepare(config)();
  await engine.start(fenced);
  prover.start();

  /** What differs is made anew; a destination that does not keeps its connections and its lanes. */
  const prepare = (config: Config) => {
    const keep = kept.prepare(config);
    const { tokens, authenticator } = isSameInstance(now.config.tokens, config.tokens)
      ? now
      : freshTokens(tokensOf(container, config), container.get(TrustedClock));
    const outlets = outletsOf(container, config, { config: now.config, made: now.outlets });
    return () => {
      keep();
      const before = now;
      now = { config, tokens, authenticator, outlets };
      const plan = { pipelines: config.pipelines, outlets, authenticator };
      prover.change(authenticator);
      listings.keepOnly(outlets.values());
      changing = engine
        .change(plan, config.server.grace)
        .then(() => (before.tokens === tokens ? undefined : before.tokens.close()));
    };
  };

  return {
    answers: {
      metrics: async () => {
        await engine.report();
        await kept.report();
        return container.get(keys.metrics).json();
      },
      lanes: () => engine.reports(),
      outcome: async () => {
        // The lanes that it adds are there once it is done.
        const looking = changing.then(() => engine.looked());
        const [changed, looked] = await Promise.all([changing, looking].map(isDoneInTime));
        return {
          orphans: await engine.orphans().catch(() => []),
          unfinished: changed !== true,
          troubled: engine.reports().flatMap(({ pipeline, destination, state, error }) => {
            return error === undefined ? [] : [{ pipeline, destination, state, error }];
          }),
          looked: looked === true,
        };
      },
      check: async ({ destination, tables }) => {
        await checkTables(outlet(destination), tables, (open, signal) => engine.checkOrigin(open, signal));
        engine.hasten(destination);
      },
      ...readingAnswers(outlet, listings),
    },
    prepare,
    stop: async (grace) => {
      listings.close();
      await prover.stop();
      await engine.stop(grace);
      lifecycle.opened('tokens', () => now.tokens.close());
      for (const [name, each] of now.outlets) lifecycle.opened(name, () => each.close());
      await lifecycle.close();
    },
  };
}

/** Proves that rows of this spool could be written into these tables now. */
export async function checkTables(
  outlet: Outlet,
  tables: readonly string[],
  checkOrigin?: (outlet: Outlet, signal: AbortSignal) => Promise<void>,
) {
  const signal = AbortSignal.timeout(askTimeout);
  await outlet.open(signal);
  const faults = await faultsOf(outlet, tables, signal);
  if (faults.length > 0) throw new ConfigError(faults.join('. '), { cause: faults });
  await checkOrigin?.(outlet, signal);
}

/** Why tables cannot be written to: one line for each, as a destination names the first that it finds. */
async function faultsOf(outlet: Outlet, tables: readonly string[], signal: AbortSignal): Promise<string[]> {
  try {
    await outlet.destination.check(tables, signal);
    return [];
  } catch (error) {
    if (instructionOf(error) !== 'config') throw error;
    if (tables.length < 2) return [messageOf(error)];
  }
  const faults = new Set<string>();
  for (const table of tables) {
    for (const fault of await faultsOf(outlet, [table], signal)) faults.add(fault);
  }
  return [...faults];
}

function freshTokens(tokens: TokenStore, clock: TrustedClock) {
  return { tokens, authenticator: new Authenticator(tokens, clock) };
}

/** Whether it is done before a reload's answer has to be given. */
async function isDoneInTime(changing: Promise<unknown>): Promise<boolean> {
  let late: NodeJS.Timeout | undefined;
  const lateness = new Promise<false>((resolve) => {
    late = setTimeout(() => resolve(false), patience);
  });
  const done = changing.then(
    () => true,
    () => true,
  );
  return Promise.race([done, lateness]).finally(() => clearTimeout(late));
}
