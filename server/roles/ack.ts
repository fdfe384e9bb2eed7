import { isDeepStrictEqual } from 'node:util';
import type { Container } from 'inversify';
import type { Config } from '../../config/schema.js';
import { keys, parts } from '../../core/contract/keys.js';
import { Lifecycle } from '../../core/host/lifecycle.js';
import { Clients } from '../../core/intake/client.js';
import { Ingest } from '../../core/intake/ingest.js';
import { limitedTotal } from '../../core/intake/ingest-metrics.js';
import { Proven } from '../../core/intake/proven.js';
import { doorOf, limitsOf } from '../compose.js';
import { Connections } from '../webhooks/connections.js';
import { WebhookListener } from '../webhooks/listener.js';
import type { AckAnswers, Role } from './role.js';

/** Answers senders and appends to the spool; knows no warehouse and no token store. */
export async function startAck(
  config: Config,
  container: Container,
  port?: number,
): Promise<Role<AckAnswers>> {
  const lifecycle = new Lifecycle();
  const spool = container.get(parts.spool);
  const ingest = container.get(Ingest);
  const proven = container.get(Proven);
  const { webhooks } = config.server;
  let before = { config, made: container.get(parts.limits), door: container.get(parts.door) };
  const clients = new Clients(webhooks.trustedProxies);
  const connections = new Connections(
    clients,
    mostOf(webhooks),
    webhooks.limits.network,
    limitedTotal(container.get(keys.metrics)),
  );
  const listener = new WebhookListener(ingest, {
    ...webhooks,
    port: port ?? webhooks.port,
    admit: (socket) => connections.admit(socket),
  });

  lifecycle.opened('spool', () => spool.close());
  await spool.open(AbortSignal.timeout(config.server.grace));
  await proven.start();
  const bound = await listener.listen();
  return {
    port: bound,
    answers: {
      metrics: async () => {
        ingest.report();
        return container.get(keys.metrics).json();
      },
      refusals: ({ limit, pipeline }) => ingest.refusals(limit, pipeline),
      health: async () => {
        listener.check();
        await spool.check(AbortSignal.timeout(5000));
      },
    },
    prepare: (config) => {
      const made = limitsOf(config, before);
      const { webhooks } = config.server;
      const door = isSameDoor(before.config.server.webhooks, webhooks) ? before.door : doorOf(config, proven);
      return () => {
        ingest.change(config.pipelines, made, door);
        connections.change(new Clients(webhooks.trustedProxies), mostOf(webhooks), webhooks.limits.network);
        listener.change(webhooks);
        before = { config, made, door };
      };
    },
    stop: async (grace) => {
      await listener.close(grace);
      proven.stop();
      await lifecycle.close();
    },
  };
}

type Webhooks = Config['server']['webhooks'];

/** Each worker has its part of the connections that a client may have open. */
function mostOf({ limits, workers }: Webhooks): number {
  return Math.ceil(limits.connections / workers);
}

/** Then it stays, and its limits keep their levels. */
function isSameDoor(one: Webhooks, other: Webhooks): boolean {
  const parts = ({ trustedProxies, clientHeader, limits }: Webhooks) => [
    trustedProxies,
    clientHeader,
    limits,
  ];
  return isDeepStrictEqual(parts(one), parts(other));
}
