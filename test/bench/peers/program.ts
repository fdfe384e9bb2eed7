import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ChildServer } from '../../support/child-server.js';
import { freePorts } from '../../support/free-ports.js';
import type { RunningPeer } from './peer.js';

/** How to run a peer that is one program with one file of configuration. */
export interface Program {
  readonly binary: string;
  /** What stands before the file's name. */
  readonly args: readonly string[];
  /** The file's name, which tells the program its form. */
  readonly file: string;
  /** `${DATABASE_URL}` in it is filled in by the program. */
  readonly configuration: (port: number) => string;
  /** Where it takes a POST. */
  readonly path: string;
  /** Rejects as long as it is not ready to land what it takes. */
  readonly ready: (port: number) => Promise<unknown>;
}

/** Runs it in a folder of its own, where it may keep what it wants. */
export async function startProgram(program: Program, databaseUrl: string): Promise<RunningPeer> {
  const [port = 0] = await freePorts(1);
  const server = await ChildServer.prepare('peer');
  const file = join(server.folder, program.file);
  const configuration = program.configuration(port);
  await writeFile(file, configuration);
  const start = () =>
    server.start('env', [`DATABASE_URL=${databaseUrl}`, program.binary, ...program.args, file], () =>
      program.ready(port),
    );
  await start();
  return {
    url: `http://127.0.0.1:${port}${program.path}`,
    configuration,
    kill: () => server.stop('SIGKILL'),
    restart: start,
    destroy: () => server.destroy(),
  };
}
