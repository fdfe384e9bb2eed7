import type { Destination, Row, TimeRange } from '../../index.js';
import { makeBatch, makeRow } from '../batches.js';
import type { Claim } from '../claim.js';
import { refused, same, that, within } from '../proof.js';
import type { DestinationClaim, Stage } from './stage.js';
import type { DestinationSubject } from './subject.js';

const listed =
  'requestIds lists each row whose timestamp is in the range, as often as it is there, from its start on and before its end';
const bounded =
  'requestIds lists some thousands at a time, as they are asked for, and lets go when nobody asks';

/** Soon, on a busy machine. */
const soon = 5000;

/** Request ids in one piece, at most: those of a page that a service gives. */
const mostAtOnce = 100_000;

const always: TimeRange = { from: 0, to: 1e11 };

/** Of a destination that lists its request ids; of any other they hold at once. */
export function listingClaims({ limits }: DestinationSubject, claim: DestinationClaim): Claim[] {
  const { listed: many = 25_000 } = limits;
  return [
    claim('lists the request ids of a range, to the last bit of its ends', listed, async (stage) => {
      const destination = await stage.ready();
      if (destination.requestIds === undefined) return;
      const list = async (from: Destination, range: TimeRange) => {
        const pieces = from.requestIds?.(stage.table, range, stage.signal);
        return pieces && (await collected(pieces)).toSorted();
      };
      same('what an empty table holds', await list(destination, always), []);
      // The hour's end too, as some part rows by the hour.
      const middles = [1577015690.3118637, 1577016000, 1577019600, 1600000000.1];
      const rows = middles.flatMap((middle) =>
        [step(middle, -1), middle, step(middle, 1)].map((timestamp) => makeRow('1', timestamp)),
      );
      const twice = makeRow('{"twice":true}', 1577015691);
      for (const some of [[...rows, twice], [twice]]) {
        for (const batch of stage.batches(some, destination)) await destination.write(batch, stage.signal);
      }
      // Who finds a row that is there already, under whichever batch, has it once.
      const all = await stage.rows();
      const again = await stage.open();
      const ranges = [
        always,
        ...middles.flatMap((middle) => [
          { from: middle, to: step(middle, 1) },
          { from: step(middle, 1), to: middle + 5000 },
          { from: 1.5e9, to: middle },
          { from: middle, to: middle },
        ]),
      ];
      for (const range of ranges) {
        const expected = all.filter(({ timestamp }) => timestamp >= range.from && timestamp < range.to);
        same(`what is listed of ${JSON.stringify(range)}`, await list(again, range), sorted(expected));
      }
    }),

    claim('lists none of a table that is not there', listed, async (stage) => {
      const destination = await stage.open();
      if (destination.requestIds === undefined) return;
      const list = destination.requestIds(stage.table, always, stage.signal);
      same('what is listed', await collected(list), []);
    }),

    claim('lists many request ids piece by piece, while rows are written', bounded, async (stage) => {
      const destination = await stage.ready();
      if (destination.requestIds === undefined) return;
      const rows = await fill(stage, destination, many);
      const found: string[] = [];
      let late: Row | undefined;
      for await (const piece of destination.requestIds(stage.table, always, stage.signal)) {
        that('the length of a piece', piece.length <= mostAtOnce, `at most ${mostAtOnce}`, piece.length);
        found.push(...piece);
        if (late !== undefined) continue;
        late = makeRow('1');
        await destination.write(makeBatch(stage.table, [late]), stage.signal);
      }
      const before = found.filter((id) => id !== late?.requestId);
      that('the late row', found.length - before.length <= 1, 'at most once', found.length - before.length);
      const expected = sorted(rows);
      const differences = before.toSorted().filter((id, at) => id !== expected[at]).length;
      same('what is listed', { count: before.length, differences }, { count: many, differences: 0 });
    }),

    claim('lists on after a list that was left or given up', bounded, async (stage) => {
      const destination = await stage.ready();
      const { requestIds } = destination;
      if (requestIds === undefined) return;
      const rows = await fill(stage, destination, many);
      const list = (signal: AbortSignal) => requestIds.call(destination, stage.table, always, signal);
      for (let times = 0; times < 12; times++) for await (const _ of list(stage.signal)) break;
      await refused(collected(list(AbortSignal.abort())), 'a list whose signal has fired');
      for (const isPending of [false, true]) {
        const abort = new AbortController();
        const pieces = list(abort.signal)[Symbol.asyncIterator]();
        let listed = ((await pieces.next()) as IteratorYieldResult<readonly string[]>).value.length;
        const rest = async () => {
          for (let next = await pieces.next(); !next.done; next = await pieces.next())
            listed += next.value.length;
        };
        const going = isPending ? rest() : undefined;
        abort.abort();
        await within(
          soon,
          (going ?? rest()).catch(() => (listed = rows.length)),
          'the end of a list that is given up',
        );
        same('whether it has ended with an error, or with all of them', listed, rows.length);
        await within(soon, Promise.resolve(pieces.return?.()), 'its return');
      }
      same('how many are listed then', (await collected(list(stage.signal))).length, rows.length);
    }),
  ];
}

/** Lands so many rows, in as many batches as the limits want. */
async function fill(stage: Stage, destination: Destination, count: number): Promise<Row[]> {
  const rows = Array.from({ length: count }, () => makeRow('1'));
  for (const batch of stage.batches(rows, destination)) await destination.write(batch, stage.signal);
  return rows;
}

async function collected(pieces: AsyncIterable<readonly string[]>): Promise<string[]> {
  const ids: string[] = [];
  for await (const piece of pieces) ids.push(...piece);
  return ids;
}

function sorted(rows: readonly Row[]): string[] {
  return rows.map(({ requestId }) => requestId).toSorted();
}

/** The number so many steps of its last bit away. */
function step(value: number, steps: number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  bits.setBigInt64(0, bits.getBigInt64(0) + BigInt(steps));
  return bits.getFloat64(0);
}
