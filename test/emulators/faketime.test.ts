import { existsSync } from 'node:fs';
import { readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clockConfiguration, expectNothingLostByClock } from '../support/clock-attack.js';
import { Hookline } from '../support/hookline.js';

/** Debian's libfaketime: what the C library gives as the time of day is shifted, and the monotonic clock is not. */
async function library(): Promise<string> {
  for (const folder of await readdir('/usr/lib')) {
    const path = join('/usr/lib', folder, 'faketime/libfaketime.so.1');
    if (existsSync(path)) return path;
  }
  throw new Error('libfaketime is not installed: apt-get install libfaketime');
}

describe('a server whose clock is set by libfaketime', function () {
  this.timeout(180_000);
  let server: Hookline | undefined;

  afterEach(() => server?.destroy());

  it('a year ahead and right again: no request is discarded by an expiry date, and what is kept stays', async () => {
    const env: Record<string, string> = {};
    server = await Hookline.create(clockConfiguration, { env });
    const file = join(server.folder, 'faketime');
    const set = async (milliseconds: number) => {
      await writeFile(`${file}.new`, `+${milliseconds / 1000}`);
      await rename(`${file}.new`, file);
      await sleep(100);
    };
    await set(0);
    Object.assign(env, {
      LD_PRELOAD: await library(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    });
    await server.start();
    await expectNothingLostByClock(server, set);
  });
});
