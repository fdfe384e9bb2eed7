import { expect } from 'chai';
import { eventually, type Hookline } from './hookline.js';

const hours = 3_600_000;
type Rows = readonly Record<string, unknown>[];

export const clockConfiguration = `discards: { keep: 7d }
receipts: { keep: 7d }
destinations: { local: { type: duckdb, path: ./warehouse.duckdb, releaseAfter: 100ms, flush: { every: 50ms } } }
pipelines: { 1: { destination: local, table: one } }
`;

/**
 * Sets a running server's clock a year ahead and right again, with starts in between: nothing is discarded or thrown
 * away by it.
 * @param set moves the wall clock of all processes so many milliseconds from the right time, and waits until they see it
 */
export async function expectNothingLostByClock(
  server: Hookline,
  set: (milliseconds: number) => Promise<void>,
): Promise<void> {
  const { urls, token } = await server.token('--expires', '30d');
  const url = String(urls['1']);
  const post = async (to = url) => {
    const { status, answer } = await server.post(to, '"x"');
    expect(status).to.equal(200);
    return String(answer.data?.__kdd_request_id);
  };
  const landed = await post();
  const held = await post(url.replace(token, 'forged'));
  await server.cli('drain');
  const state = async (id: string) => (await server.json<Rows>('request', id))[0]?.['state'];
  const expectKept = async () =>
    expect([await state(landed), await state(held)]).to.deep.equal(['landed', 'held']);
  await expectKept();

  await set(365 * 24 * hours);
  const sent = await post();
  const untilItWaits = () =>
    eventually('the lane waits', async () => {
      const [lane] = await server.json<Rows>('pipelines');
      const isSaid = /has expired cannot be told now: this machine's clock was set by 365 days/;
      return (lane?.['state'] === 'retrying' && isSaid.test(String(lane['lastError']))) || undefined;
    });
  await untilItWaits();
  expect(server.output).to.match(/clock was set by 365 days, or the machine slept.*nothing that is kept/);
  // Whoever starts now knows the time by what the one before has left.
  expect(await server.stop()).to.equal(0);
  await server.start();
  await untilItWaits();
  await expectKept();
  await set(0);
  await untilItWaits();
  expect(await state(sent)).to.equal('waiting');
  expect(await server.stop()).to.equal(0);
  await server.start();
  await server.cli('drain');
  await expectKept();
  expect(await state(sent)).to.equal('landed');
  expect((await server.json<Rows>('discards', 'list')).length, 'discards').to.equal(1);
}
