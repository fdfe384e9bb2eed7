import { instructionOf } from '../../contract/errors.js';
import { makeBatch, makeRow } from '../batches.js';
import type { Claim } from '../claim.js';
import { refused, refusedAs, same, that } from '../proof.js';
import type { DestinationClaim, Stage } from './stage.js';

/** Names that need quoting, that are reserved, long, or not ASCII. */
export const awkwardNames: readonly string[] = [
  'Orders',
  'select',
  'two words',
  `it's "quoted"`,
  '""',
  'a.b',
  '../up',
  'semi;colon -- comment',
  '1st',
  'ação_日本_😀',
  '%s $1 \\n',
  'x'.repeat(60),
];

const obligation =
  'a table has the name that the YAML gives it, or the name is refused with a ConfigError, by check already';

export function nameClaims(claim: DestinationClaim): Claim[] {
  const claims = awkwardNames.map((name) =>
    claim(`takes a table named ${name}, or refuses it clearly`, obligation, async (stage) => {
      if (!(await takes(stage, name))) return;
      const rows = [makeRow(), makeRow()];
      const destination = await stage.open();
      await destination.ensureTable(name, stage.signal);
      await destination.write(makeBatch(name, rows), stage.signal);
      const latest = await destination.latest?.(name, 10, stage.signal);
      same('the number of newest rows', latest?.length ?? 2, 2);
      await stage.holds(rows, name);
    }),
  );
  const lengths = [60, 100, 300];
  return [
    ...claims,
    claim(
      'keeps long names apart that differ in their last letter, or refuses them',
      obligation,
      async (stage) => {
        for (const length of lengths) {
          const names = ['a', 'b'].map((last) => stage.table.padEnd(length - 1, 'x') + last);
          const rows = names.map(() => [makeRow()]);
          const [first = ''] = names;
          if (!(await takes(stage, first))) return;
          for (const [at, name] of names.entries()) {
            const destination = await stage.open();
            await destination.ensureTable(name, stage.signal);
            await destination.write(makeBatch(name, rows[at] ?? []), stage.signal);
          }
          for (const [at, name] of names.entries()) await stage.holds(rows[at] ?? [], name);
        }
      },
    ),
  ];
}

/** Makes the table; false when the name is refused as it should be, and nothing has changed. */
async function takes(stage: Stage, name: string): Promise<boolean> {
  const before = await stage.describe();
  const destination = await stage.open();
  const error = await destination.ensureTable(name, stage.signal).catch((thrown: unknown) => thrown);
  if (error === undefined) return true;
  if (instructionOf(error) !== 'config') throw error;
  await refusedAs(
    'config',
    'checking a table whose name is refused',
    destination.check([name], stage.signal),
  );
  const { message } = (await refused(destination.ensureTable(name, stage.signal))) as Error;
  const named = wordsOf(message).includes(wordsOf(name).slice(0, 30));
  that('the refusal', named, 'the name in its message', message);
  same('the storage', await stage.describe(), before);
  return false;
}

/** A name may be quoted in a message, in whatever way. */
function wordsOf(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}]/gu, '');
}
