import type { Destination } from '../../contract/destination.js';
import { instructionOf, messageOf } from '../../contract/errors.js';
import { makeBatch, makeRow, makeRows } from '../batches.js';
import type { Claim } from '../claim.js';
import { refused, refusedAs, retrying, same, that } from '../proof.js';
import { expectDiscreet } from '../secrets.js';
import { misconfigurations, misconfiguredBy, offered } from '../subject.js';
import type { DestinationClaim, Stage } from './stage.js';
import type { DestinationSubject } from './subject.js';

const halting =
  'a set-up that is at fault is a ConfigError, from open or check already: the lane halts and keeps its records';
const waiting =
  'what may pass later is a RetryableError, and the same instance goes on without being opened again';
const discreet = 'no error shows a secret, and no message repeats what a sender has posted';

export function failureClaims(subject: DestinationSubject, claim: DestinationClaim): Claim[] {
  const claims = misconfigurations.flatMap((kind) => {
    const make = misconfiguredBy(subject, kind);
    if (make === undefined) return [];
    return claim(`calls a set-up with ${kind} a ConfigError`, halting, async (stage) => {
      const looked = await stage.make(() => make(stage.table));
      await refusedAs('config', 'opening and checking it', look(looked, stage, stage.table));
      await looked.close();
      const used = await stage.make(() => make(stage.table));
      await refusedAs('config', 'opening it and writing', use(used, stage, stage.table));
    });
  });

  const outage = offered('outage', subject.outage);
  if (outage !== undefined) {
    claims.push(
      claim(
        'calls a cut connection retryable, and recovers without being opened again',
        waiting,
        async (stage) => {
          const batchOf = (rows: number) =>
            makeBatch(stage.table, makeRows(Math.min(rows, subject.limits.rows)));
          const [before, during, after] = [batchOf(3), batchOf(5000), batchOf(2)];
          const destination = await stage.ready();
          await destination.write(before, stage.signal);
          const writing = destination.write(during, stage.signal).catch((error: unknown) => error);
          await outage.begin();
          try {
            const error = await writing;
            if (error !== undefined) same('a write that is cut', instructionOf(error), 'retry');
            for (let n = 0; n < 3; n++) {
              await refusedAs('retry', 'a write in the outage', destination.write(after, stage.signal));
            }
            await refusedAs('retry', 'a check in the outage', destination.check([stage.table], stage.signal));
          } finally {
            await outage.end();
          }
          for (const batch of [after, during, before]) {
            await retrying(() => destination.write(batch, stage.signal));
          }
          await stage.holds([...before.rows, ...during.rows, ...after.rows]);
        },
      ),
      claim('opens once an outage is over that was there when it began', waiting, async (stage) => {
        const destination = await stage.make();
        await outage.begin();
        try {
          await refusedAs('retry', 'an open in the outage', destination.open(stage.signal));
        } finally {
          await outage.end();
        }
        await retrying(() => destination.open(stage.signal));
        await destination.ensureTable(stage.table, stage.signal);
      }),
    );
  }

  return [
    ...claims,
    claim('shows no secret in any error', discreet, async (stage) => {
      expectDiscreet(await failures(subject, stage), subject.secrets());
    }),
    ...bodyClaim(subject, claim),
  ];
}

function bodyClaim(subject: DestinationSubject, claim: DestinationClaim): Claim[] {
  const bad = offered('refused', subject.refused);
  if (bad === undefined) return [];
  return [
    claim('repeats no body in the message of a refusal', discreet, async (stage) => {
      const destination = await stage.ready();
      await bad.prepare?.(stage.table);
      const batch = makeBatch(stage.table, [makeRow(bad.body)]);
      const message = messageOf(await refused(destination.write(batch, stage.signal), 'a bad row'));
      const words =
        Buffer.from(bad.body)
          .toString('latin1')
          .match(/[\x21-\x7e]{6,}/g) ?? [];
      that('words of the refused body that can be told', words.length > 0, 'one of six letters', words);
      that(
        'the message',
        !words.some((word) => message.includes(word)),
        'no word of the body',
        'one of them',
      );
    }),
  ];
}

/** Every kind of error that the suite can bring about. */
async function failures(subject: DestinationSubject, stage: Stage): Promise<unknown[]> {
  const errors: unknown[] = [];
  const attempt = async (call: Promise<unknown>) => {
    await call.catch((error: unknown) => errors.push(error));
  };
  const { table, signal } = stage;
  for (const kind of misconfigurations) {
    const make = misconfiguredBy(subject, kind);
    if (make === undefined) continue;
    const denied = `${table}_denied`;
    const destination = await stage.make(() => make(denied));
    await attempt(look(destination, stage, denied));
    await attempt(use(destination, stage, denied));
  }
  const destination = await stage.ready();
  await attempt(destination.ensureTable('', signal));
  await attempt(destination.write(makeBatch(`${table}_missing`, makeRows(1)), signal));
  await attempt(destination.write(makeBatch(table, makeRows(1)), AbortSignal.abort()));
  const bad = offered('refused', subject.refused);
  if (bad !== undefined) {
    await bad.prepare?.(table);
    await attempt(destination.write(makeBatch(table, [makeRow(bad.body)]), signal));
  }
  const outage = offered('outage', subject.outage);
  if (outage === undefined) return errors;
  await outage.begin();
  try {
    await attempt(destination.write(makeBatch(table, makeRows(1)), signal));
    await attempt((await stage.make()).open(signal));
  } finally {
    await outage.end();
  }
  return errors;
}

/** What `hookline check` does. */
async function look(destination: Destination, { signal }: Stage, table: string): Promise<void> {
  await destination.open(signal);
  await destination.check([table], signal);
}

/** What a lane does. */
async function use(destination: Destination, { signal }: Stage, table: string): Promise<void> {
  await destination.open(signal);
  await destination.ensureTable(table, signal);
  await destination.write(makeBatch(table, makeRows(1)), signal);
}
