import { randomInt } from 'node:crypto';
import { makeBatch, makeRow, makeRows } from '../batches.js';
import type { Claim } from '../claim.js';
import { same, that } from '../proof.js';
import { uglyJson } from '../ugly-json.js';
import { type DestinationClaim, readable, rowsById } from './stage.js';
import type { DestinationSubject } from './subject.js';

const exact = 'a row is stored as it is: its id and key, its timestamp bit for bit, its body byte for byte';
const whole = 'every row of a batch is stored, as far as the limits go that the subject claims';
const newest = 'latest gives the newest rows, newest first, exactly as they were written';

const parting = 'the same row is for ever of the same partition, where the destination has them';

const edges = [0, 1e-308, 5e-324, Number.MAX_VALUE, 1577015690.3118637, 0.1 + 0.2, 2 ** 53 + 2];

export function rowClaims({ limits }: DestinationSubject, claim: DestinationClaim): Claim[] {
  return [
    claim('gives every ugly JSON text back byte for byte', exact, async (stage) => {
      const texts = uglyJson.filter(({ body }) => body.length <= limits.body);
      const rows = texts.map(({ body }) => makeRow(body));
      await stage.land(rows);
      const landed = rowsById(await stage.rows());
      for (const [at, { name, body }] of texts.entries()) {
        const found = landed.get(rows[at]?.requestId ?? '')?.body;
        const equal = found !== undefined && Buffer.compare(found, body) === 0;
        that(`the body that is ${name}`, equal, 'the same bytes', found && Buffer.from(found).toString());
      }
      await stage.holds(rows);
    }),

    claim('takes bodies of every length up to 200 and of many beyond', exact, async (stage) => {
      const beyond = Array.from({ length: 200 }, () => randomInt(200, 300_000));
      const lengths = [...Array(200).keys(), ...beyond].filter((length) => length + 2 <= limits.body);
      const rows = lengths.map((length) =>
        makeRow(JSON.stringify('é'.repeat(length >> 1) + 'x'.repeat(length & 1))),
      );
      await stage.land(rows);
      await stage.holds(rows);
    }),

    claim('keeps every float64 timestamp bit for bit', exact, async (stage) => {
      const hours = Array.from({ length: 50 }, () => 1.5e9 + randomInt(250_000) * 3600);
      // Some seconds of each, as a destination may part rows by the hour.
      const random = hours.flatMap((hour) => Array.from({ length: 100 }, () => hour + Math.random() * 100));
      const rows = [...edges, ...random].map((timestamp) => makeRow('1', timestamp));
      await stage.land(rows);
      await stage.holds(rows);
    }),

    claim('gives the newest rows, newest first, exactly as they were written', newest, async (stage) => {
      const rows = Array.from({ length: 30 }, (_, n) =>
        makeRow(`{"n":${n},"s":"é😀\\u0000"}`, 1.6e9 + ((n * 7) % 30)),
      );
      const destination = await stage.ready();
      if (destination.latest === undefined) return;
      same('latest of an empty table', await destination.latest(stage.table, 10, stage.signal), []);
      await destination.write(makeBatch(stage.table, rows), stage.signal);
      const expected = rows.toSorted((a, b) => b.timestamp - a.timestamp).slice(0, 10);
      const found = await destination.latest(stage.table, 10, stage.signal);
      same('the ten newest rows', found.map(readable), expected.map(readable));
      same('the number of all rows', (await destination.latest(stage.table, 1000, stage.signal)).length, 30);
    }),

    claim('parts a row in the same way each time, whichever instance is asked', parting, async (stage) => {
      const rows = [...makeRows(100), ...edges.map((timestamp) => makeRow('1', timestamp))];
      const [one, two] = [await stage.make(), await stage.open()];
      if (one.partition === undefined) return;
      const parts = [one, two, one].map((each) => rows.map((row) => each.partition?.(row)));
      same('the partitions of another instance', parts[1], parts[0]);
      same('the partitions when asked again', parts[2], parts[0]);
    }),

    claim('lands every row of a batch, however many there are', whole, async (stage) => {
      // Where those who write in chunks lose or double one.
      const sizes = [1, 2, 3, 10, 99, 100, 101, 999, 1000, 1001, 2047, 2048, 2049];
      const rows = sizes.map((size) => makeRows(Math.min(size, limits.rows)));
      for (const batch of rows) await stage.land(batch);
      await stage.holds(rows.flat());
    }),

    claim('takes the largest body that it claims to take', whole, async (stage) => {
      const rows = [makeRow(), makeRow(Buffer.from(`"${'x'.repeat(limits.body - 2)}"`)), makeRow()];
      const destination = await stage.ready();
      await destination.write(makeBatch(stage.table, rows), stage.signal);
      await stage.holds(rows);
    }),

    claim('takes the largest batch that it claims to take', whole, async (stage) => {
      const size = Math.min(Math.floor(limits.bytes / limits.rows), limits.body);
      const body = Buffer.from(size < 2 ? '1' : `"${'x'.repeat(size - 2)}"`);
      const rows = Array.from({ length: limits.rows }, () => makeRow(body));
      const destination = await stage.ready();
      await destination.write(makeBatch(stage.table, rows), stage.signal);
      await stage.holds(rows);
    }),
  ];
}
