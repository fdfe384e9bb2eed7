import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ChartRow } from '../../core/contract/chart.js';
import { freePorts } from '../support/free-ports.js';
import { eventually } from '../support/hookline.js';
import { env, install, pack, packHookline, run } from '../support/npm.js';

describe('a connector made by hookline new', function () {
  // Much of it is the registry's.
  this.timeout(300_000);
  let folder: string;
  /** Where the connector is written. */
  let connector: string;
  /** Where somebody uses it: a folder with hookline installed, and nothing else. */
  let project: string;
  let server: ChildProcess | undefined;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-third-party-'));
    [connector, project] = [join(folder, 'acme'), join(folder, 'project')];
    await mkdir(join(project, 'out'), { recursive: true });
    await writeFile(join(project, 'package.json'), '{ "private": true }'); // npm would look for one above
    const hookline = await packHookline(folder);
    await install(project, hookline);
    await npx('new', 'connector', 'acme', '--dir', connector, '--hookline', `file:${hookline}`);
    await install(connector);
  });

  after(async () => {
    await stop('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  const npx = (...args: string[]) => run(project, 'npx', '--no', 'hookline', ...args);

  /** Of the whole group: npm passes no signal on. Resolves when the last of it has closed its output. */
  async function stop(signal: NodeJS.Signals): Promise<void> {
    if (server?.pid === undefined) return;
    const closed = once(server, 'close');
    process.kill(-server.pid, signal);
    server = undefined;
    await closed;
  }

  it('passes its own test as it is', async () => {
    expect(await run(connector, 'npm', 'test')).to.match(/\d+ passing/);
  });

  it('is packed and installed beside hookline, and lands webhooks there', async () => {
    await install(project, await pack(connector, folder));
    const [webhooks, admin] = await freePorts(2);
    await writeFile(
      join(project, 'hookline.yaml'),
      `server: { webhooks: { port: ${webhooks} }, admin: { port: ${admin} } }
plugins: [hookline-connector-acme]
destinations:
  files: { type: acme, folder: ./out, flush: { every: 100ms } }
pipelines:
  835212: { destination: files, table: leads }
`,
    );
    expect(await npx('check')).not.to.include('FAIL');
    const created = await npx('tokens', 'create', '--description', 'test', '--json');
    const { urls } = JSON.parse(created) as { readonly urls: Readonly<Record<string, string>> };

    server = spawn('npx', ['--no', 'hookline', 'serve'], { cwd: project, env, detached: true });
    server.stdout?.resume();
    server.stderr?.resume();
    await eventually('the server', async () => {
      return (await fetch(`http://127.0.0.1:${admin}/ready`)).ok || undefined;
    });
    const bodies = ['{"é": "\\u0000"}', 'null', '[1.0,  2]'];
    for (const body of bodies) {
      expect((await fetch(urls['835212'] ?? '', { method: 'POST', body })).status).to.equal(200);
    }
    await npx('drain');
    const rows = JSON.parse(await npx('rows', '835212', '--json')) as readonly ChartRow[];
    expect(rows.map((row) => row.__kdd_request_body)).to.have.members(bodies);
    await stop('SIGTERM');
  });

  it('imports hookline/plugin, hookline/conformance and package.json, and nothing else', async () => {
    const open = ['hookline/plugin', 'hookline/conformance', 'hookline/package.json'];
    const closed = ['hookline', 'hookline/dist/core/index.js', 'hookline/dist/server/main.js'];
    const program = `for (const each of ${JSON.stringify([...open, ...closed])})
      await import(each, each.endsWith('json') ? { with: { type: 'json' } } : {})
        .then(() => console.log(each), ({ code }) => console.log(each, code));`;
    const printed = await run(project, process.execPath, '--input-type=module', '--eval', program);
    expect(printed.trim().split('\n')).to.deep.equal([
      ...open,
      ...closed.map((each) => `${each} ERR_PACKAGE_PATH_NOT_EXPORTED`),
    ]);
  });
});
