import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually, Hookline } from '../support/hookline.js';
import { Program } from '../support/program.js';

/** A container as far as pids go: they begin at 1, and nobody outside is seen. Needs Linux and root. */
const unshare = 'exec unshare --pid --fork --mount-proc --kill-child';
const contained = `${unshare} -- "$@"`;
/** Its program has another pid. */
const containedLater = `${unshare} -- /bin/sh -c '/bin/true; /bin/true; "$@"; exit $?' sh "$@"`;

describe('containers that share a spool and not their pids', function () {
  this.timeout(120_000);
  let folder: string;
  const programs: Program[] = [];
  const servers: Hookline[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-containers-'));
  });
  afterEach(async () => {
    for (const program of programs.splice(0)) await program.kill();
    for (const server of servers.splice(0)) {
      // With the container all in it ends; the pids that it tells of its children are other processes' here.
      await server.stop('SIGKILL');
      await server.destroy();
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  const load = (log: string, within: string) => {
    const program = new Program('lmdb-load', [join(folder, 'spool'), join(folder, log), '1/a'], within);
    programs.push(program);
    return program;
  };
  const untilClaimed = (log: string) =>
    eventually('the spool is claimed', async () =>
      (await readFile(join(folder, log), 'utf8').catch(() => '')).includes('claimed') ? true : undefined,
    );

  it('are told whose it is, with equal pids and with others; once that one is gone they go on', async () => {
    const first = load('first', contained);
    await untilClaimed('first');
    const namesake = load('namesake', contained);
    expect(await namesake.exited).not.to.equal(0);
    expect(namesake.output).to.match(
      /the spool at \S+ is used by process 1 of another container already.*stop it, or give this one another spool path.*shareProcessNamespace/,
    );
    const other = load('other', containedLater);
    expect(await other.exited).not.to.equal(0);
    expect(other.output).to.match(
      /the spool at \S+ is loaded by process 1 of another container already; stop it, or give this one another spool path/,
    );
    expect(await readFile(join(folder, 'first'), 'utf8')).to.equal('{"claimed":true}\n');
    await first.kill();
    load('next', containedLater);
    await untilClaimed('next');
  });

  it('end a second server with 78, while the first one goes on', async () => {
    const sections = `spool: { type: lmdb, path: ${join(folder, 'shared')} }
destinations: { d: { type: duckdb, path: ./w.duckdb } }
pipelines: { 1: { destination: d, table: t } }
`;
    for (let n = 0; n < 2; n++) servers.push(await Hookline.create(sections, { limits: contained }));
    const [first, second] = servers as [Hookline, Hookline];
    await first.start();
    second.begin();
    expect(await second.exited()).to.equal(78);
    expect(second.output).to.match(/of another container already/);
    expect((await first.admin('/ready')).status).to.equal(200);
  });
});
