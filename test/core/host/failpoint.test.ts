import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { failpoint } from '../../../core/host/failpoint.js';

const module = new URL('../../../core/host/failpoint.js', import.meta.url).href;

describe('a failpoint', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hookline-failpoint-'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** A process that comes to a step five times; the signal that ended it. */
  const ended = (env: NodeJS.ProcessEnv) =>
    new Promise<unknown>((resolve) => {
      const script = `const { failpoint } = await import(${JSON.stringify(module)});
        for (let pass = 1; pass <= 5; pass++) { console.log(pass); failpoint?.('step'); }`;
      execFile(process.execPath, ['--input-type=module', '-e', script], { env }, (error, stdout) =>
        resolve({ signal: error?.signal ?? null, passes: stdout.split('\n').length - 1 }),
      );
    });

  it('is nothing at all without the environment variable', async () => {
    expect(failpoint).to.equal(undefined);
    await writeFile(join(folder, 'step'), '1');
    expect(await ended({})).to.deep.equal({ signal: null, passes: 5 });
  });

  it('ends the process by SIGKILL at the pass that is told, once', async () => {
    const env = { HOOKLINE_FAILPOINTS: folder };
    expect(await ended(env)).to.deep.equal({ signal: null, passes: 5 });
    await writeFile(join(folder, 'step'), '3');
    expect(await ended(env)).to.deep.equal({ signal: 'SIGKILL', passes: 3 });
    expect(existsSync(join(folder, 'step.hit'))).to.equal(true);
    expect(await ended(env)).to.deep.equal({ signal: null, passes: 5 });
  });
});
