import { once } from 'node:events';
import { connect } from 'node:net';
import { buildGo } from '../../support/foreign.js';
import type { Peer } from './peer.js';
import { startProgram } from './program.js';

const release = 'v1.37.2';

/** Telegraf as its custom builder makes it, with no more plugins than are used here. */
const build = () =>
  buildGo({
    name: 'telegraf',
    modules: [`github.com/influxdata/telegraf@${release}`],
    main: { package: 'github.com/influxdata/telegraf/cmd/telegraf' },
    tags: ['custom', 'inputs.http_listener_v2', 'outputs.postgresql', 'parsers.value'],
  });

/**
 * Batches as large as Hookline's, flushed as often; `metric_buffer_limit` is far more than a round brings, as
 * the oldest are dropped past it.
 */
const configuration = (port: number, buffer: string) => `[agent]
  omit_hostname = true
  flush_interval = "1s"
  metric_batch_size = 10000
  metric_buffer_limit = 2000000
${buffer}
[[inputs.http_listener_v2]]
  service_address = "tcp://127.0.0.1:${port}"
  paths = ["/"]
  http_success_code = 200
  name_override = "bench"
  data_format = "value"
  data_type = "string"

[[outputs.postgresql]]
  connection = "\${DATABASE_URL}"
`;

export const telegraf = telegrafWith('memory', '', 'nothing');

/** Its buffer on disk, which its documentation calls experimental. */
export const telegrafOnDisk = telegrafWith(
  'disk',
  '  buffer_strategy = "disk"\n  buffer_directory = "./buffer"\n',
  'a place in a queue, of 100, before its disk',
);

function telegrafWith(buffer: string, lines: string, waitsFor: string): Peer {
  return {
    name: `Telegraf, buffer: ${buffer}`,
    version: `${release}, built with these plugins only`,
    waitsFor,
    durable: false,
    table: 'bench',
    column: 'value',
    install: async () => {
      await build();
    },
    start: async (databaseUrl) =>
      startProgram(
        {
          binary: await build(),
          args: ['--quiet', '--config'],
          file: 'telegraf.conf',
          configuration: (port) => configuration(port, lines),
          path: '/',
          ready: async (port) => {
            // It listens once its outputs are connected.
            const socket = connect(port, '127.0.0.1');
            await once(socket, 'connect');
            socket.destroy();
          },
        },
        databaseUrl,
      ),
  };
}
