import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../../contract/chart.js';
import { makeBatch, makeRow, makeRows } from '../batches.js';
import type { Claim } from '../claim.js';
import { refused, refusedAs, that, within } from '../proof.js';
import { offered } from '../subject.js';
import type { DestinationClaim } from './stage.js';
import type { DestinationSubject } from './subject.js';

const once = 'the same batch.id again is a success that adds nothing, from whichever instance, also at once';
const atomic = 'every row of a batch is stored, or none';
const stopping =
  'whatever takes a signal gives up soon after it fires, and rejects: a write that resolves has landed';

/** Soon, on a busy machine. */
const soon = 5000;

export function writeClaims(subject: DestinationSubject, claim: DestinationClaim): Claim[] {
  return [
    claim('adds nothing when a batch comes again, from whichever instance', once, async (stage) => {
      const [first, second] = [
        makeBatch(stage.table, [makeRow(), makeRow()]),
        makeBatch(stage.table, [makeRow()]),
      ];
      const destination = await stage.ready();
      for (const batch of [first, second, first]) await destination.write(batch, stage.signal);
      const other = await stage.open();
      for (const batch of [first, second]) await other.write(batch, stage.signal);
      await stage.holds([...first.rows, ...second.rows]);
    }),

    claim('adds a batch once when several write it at once', once, async (stage) => {
      const batch = makeBatch(stage.table, makeRows(500));
      const [one, two] = [await stage.ready(), await stage.open()];
      await Promise.all([one, two, one, two].map((each) => each.write(batch, stage.signal)));
      await stage.holds(batch.rows);
    }),

    claim('lands different batches that are written at once', atomic, async (stage) => {
      const other = `${stage.table}_b`;
      const batches = Array.from({ length: 12 }, (_, n) =>
        makeBatch(n % 3 === 0 ? other : stage.table, makeRows(50)),
      );
      const destination = await stage.ready();
      await destination.ensureTable(other, stage.signal);
      await Promise.all(batches.map((batch) => destination.write(batch, stage.signal)));
      for (const table of [stage.table, other]) {
        const rows = batches.flatMap((batch) => (batch.table === table ? batch.rows : []));
        await stage.holds(rows, table);
      }
    }),

    claim('does nothing for a signal that has fired before, and rejects', stopping, async (stage) => {
      const destination = await stage.ready();
      const [batch, other] = [makeBatch(stage.table, [makeRow()]), `${stage.table}_b`];
      await refused(destination.write(batch, AbortSignal.abort()), 'a write');
      await refused(destination.ensureTable(other, AbortSignal.abort()), 'making a table');
      await refused(destination.check([stage.table], AbortSignal.abort()), 'a check');
      await refused((await stage.make()).open(AbortSignal.abort()), 'an open');
      await stage.holds([]);
    }),

    claim(
      'stops when the signal fires in the middle, and says whether it has landed',
      stopping,
      async (stage) => {
        const landed: Row[] = [];
        for (const delay of [0, 1, 2, 5, 20, 60]) {
          const destination = await stage.ready();
          const batch = makeBatch(stage.table, makeRows(Math.min(5000, subject.limits.rows)));
          const abort = new AbortController();
          const writing = destination.write(batch, abort.signal).then(
            () => true,
            () => false,
          );
          await sleep(delay);
          abort.abort();
          const resolved = await within(soon, writing, 'a write whose signal has fired');
          const found = (await stage.rows()).length - landed.length;
          const whole = found === batch.rows.length;
          const what = `the rows of a write that ${resolved ? 'resolved' : 'was rejected'} after its signal`;
          const expected = resolved ? `${batch.rows.length}` : `0 or ${batch.rows.length}`;
          that(what, whole || (found === 0 && !resolved), expected, found);
          if (whole) landed.push(...batch.rows);
        }
        await stage.holds(landed);
      },
    ),

    claim('can write on after its signal has fired, the same batch too', once, async (stage) => {
      const destination = await stage.ready();
      const rows: Row[] = [];
      for (const delay of [0, 5, 20]) {
        const batch = makeBatch(stage.table, makeRows(Math.min(5000, subject.limits.rows)));
        const abort = new AbortController();
        const writing = destination.write(batch, abort.signal).catch(() => {});
        await sleep(delay);
        abort.abort();
        await within(soon, writing, 'a write whose signal has fired');
        await destination.write(batch, stage.signal);
        rows.push(...batch.rows);
      }
      await stage.holds(rows);
    }),

    ...refusalClaims(subject, claim),
  ];
}

function refusalClaims(subject: DestinationSubject, claim: DestinationClaim): Claim[] {
  const refusedRows = offered('refused', subject.refused);
  if (refusedRows === undefined) return [];
  return [
    claim('stores none of a batch in which one row in the middle is refused', atomic, async (stage) => {
      const rows = makeRows(Math.min(3001, subject.limits.rows));
      const middle = rows.length >> 1;
      rows[middle] = makeRow(refusedRows.body);
      const destination = await stage.ready();
      await refusedRows.prepare?.(stage.table);
      const batch = makeBatch(stage.table, rows);
      for (let n = 0; n < 2; n++) {
        await refusedAs('permanent', 'a batch with a bad row', destination.write(batch, stage.signal));
      }
      await stage.holds([]);
      const again = await stage.ready();
      const [left, culprit, right] = [
        rows.slice(0, middle),
        rows.slice(middle, middle + 1),
        rows.slice(middle + 1),
      ];
      await again.write(makeBatch(stage.table, left), stage.signal);
      const alone = again.write(makeBatch(stage.table, culprit), stage.signal);
      await refusedAs('permanent', 'the bad row alone', alone);
      await again.write(makeBatch(stage.table, right), stage.signal);
      await stage.holds([...left, ...right]);
    }),
  ];
}
