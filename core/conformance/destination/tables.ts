import { makeBatch, makeRow } from '../batches.js';
import type { Claim } from '../claim.js';
import { refusedAs, same, that } from '../proof.js';
import { offered } from '../subject.js';
import type { DestinationClaim, Stage } from './stage.js';
import type { DestinationSubject, TableShape } from './subject.js';

const opening =
  'open gets an instance ready, as often as it is called, and close releases it; building it does no I/O';
const making =
  'ensureTable makes a table that is missing, and leaves one that has the four columns as it is, whoever made it';
const refusing = 'a table of another shape is a ConfigError that names it, and is left as it is';
const looking = 'latest and check change nothing';

export function tableClaims(subject: DestinationSubject, claim: DestinationClaim): Claim[] {
  const claims = [
    claim('opens twice, and again after a close', opening, async (stage) => {
      const [one, two] = [await stage.open(), await stage.open()];
      await one.open(stage.signal);
      await one.check([], stage.signal);
      await two.close();
      await one.check([], stage.signal);
      await one.close();
      await one.open(stage.signal);
      await one.check([], stage.signal);
    }),

    claim('closes twice, and without having been opened', opening, async (stage) => {
      await (await stage.make()).close();
      const destination = await stage.open();
      await destination.close();
      await destination.close();
    }),

    claim('makes a table and lands a row in it', making, async (stage) => {
      const rows = [makeRow()];
      await stage.land(rows);
      await stage.holds(rows);
    }),

    claim('finds no rows in a table that is not there yet, and does not make it', looking, async (stage) => {
      const missing = `${stage.table}_missing`;
      const finds = async (what: string) => {
        const destination = await stage.open();
        same(what, (await destination.latest?.(missing, 10, stage.signal)) ?? [], []);
      };
      await finds('latest of a missing table');
      await stage.ready();
      const before = await stage.describe();
      await finds('latest of a missing table beside one that is there');
      same('the storage', await stage.describe(), before);
    }),

    claim('leaves a table that is there as it is, with its rows', making, async (stage) => {
      const rows = [makeRow(), makeRow()];
      await stage.land(rows);
      const before = await stage.describe();
      for (let n = 0; n < 2; n++) {
        const destination = await stage.ready();
        await destination.ensureTable(stage.table, stage.signal);
        await destination.check([stage.table], stage.signal);
      }
      same('the storage', await stage.describe(), before);
      await stage.holds(rows);
    }),

    claim('makes one table when two instances make it at once', making, async (stage) => {
      const [one, two] = [await stage.open(), await stage.open()];
      await Promise.all([one, two].map((each) => each.ensureTable(stage.table, stage.signal)));
      const rows = [makeRow(), makeRow()];
      await one.write(makeBatch(stage.table, rows), stage.signal);
      await stage.holds(rows);
    }),

    claim(
      'refuses a table without a name with a ConfigError',
      'a table that cannot be made is a ConfigError',
      async (stage) => {
        const destination = await stage.open();
        await refusedAs('config', 'making a table without a name', destination.ensureTable('', stage.signal));
      },
    ),
  ];

  if (offered('describe', subject.describe) !== undefined) {
    claims.push(
      claim('changes nothing when it checks', looking, async (stage) => {
        const before = await stage.describe();
        const destination = await stage.open();
        for (let n = 0; n < 2; n++) await destination.check([stage.table], stage.signal);
        same('the storage', await stage.describe(), before);
      }),
    );
  }
  return [...claims, ...shapeClaims(subject, claim)];
}

function shapeClaims(subject: DestinationSubject, claim: DestinationClaim): Claim[] {
  const tables = offered('tables', subject.tables);
  if (tables === undefined) return [];
  /** Makes the table, when whatever else the destination needs is there; resolves to what the storage holds. */
  const create = async (stage: Stage, shape: TableShape): Promise<unknown> => {
    await (await stage.open()).ensureTable(`${stage.table}_other`, stage.signal);
    await stage.close();
    await tables.create(stage.table, shape);
    return await stage.describe();
  };
  return tables.shapes.map((shape) => {
    if (shape === 'in another order and with further nullable columns') {
      return claim(`takes a table ${shape}, and leaves it so`, making, async (stage) => {
        const before = await create(stage, shape);
        await (await stage.ready()).check([stage.table], stage.signal);
        same('the storage', await stage.describe(), before);
        const rows = [makeRow(), makeRow()];
        await stage.land(rows);
        await stage.holds(rows);
      });
    }
    return claim(`refuses a table ${shape}, and leaves it so`, refusing, async (stage) => {
      const before = await create(stage, shape);
      const destination = await stage.open();
      for (const [what, call] of [
        ['checking it', () => destination.check([stage.table], stage.signal)],
        ['making it', () => destination.ensureTable(stage.table, stage.signal)],
      ] as const) {
        const { message } = (await refusedAs('config', what, call())) as Error;
        that(
          `the message of ${what}`,
          message.includes(stage.table),
          `the name ${stage.table} in it`,
          message,
        );
      }
      same('the storage', await stage.describe(), before);
    });
  });
}
