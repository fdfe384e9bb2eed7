import { expect } from 'chai';
import { instructionOf, messageOf } from '../../../core/contract/errors.js';
import type { StoredRecord } from '../../../core/contract/spool.js';
import { Authenticator } from '../../../core/delivery/authenticator.js';
import { mint } from '../../../core/operations/mint.js';
import { ScriptedTokens } from '../../support/scripted-tokens.js';
import { SetClock } from '../../support/set-clock.js';

const minute = 60_000;
const day = 86_400_000;
const year = 365 * day;

describe('a clock that is set', () => {
  let clock: SetClock;

  beforeEach(() => {
    clock = new SetClock();
  });

  const inDays = (days: number) => clock.trusted.hasPassed(start + days * day);
  const start = new SetClock().wall;

  it('is certain while wall and monotonic clock run evenly, also where NTP slews by half a second at a time', () => {
    for (let n = 0; n < 100; n++) {
      clock.run(10_000);
      clock.wall += 500;
    }
    expect(clock.trusted.doubt).to.equal(undefined);
    expect(inDays(1)).to.equal(false);
    expect(inDays(-1)).to.equal(true);
  });

  it('is not certain of what ends between the two times, until it has run evenly for ten minutes', () => {
    clock.run(minute);
    clock.wall += year;
    expect(inDays(100)).to.equal(undefined);
    expect([inDays(-1), inDays(400)]).to.deep.equal([true, false]);
    expect(clock.trusted.doubt).to.match(/was set by 365 days, or the machine slept/);
    clock.run(6000);
    clock.wall -= year;
    clock.run(10 * minute - 1000);
    // Also that it is back says nothing of which time was right.
    expect(inDays(100)).to.equal(undefined);
    clock.run(2000);
    expect(inDays(100)).to.equal(false);
    expect(clock.trusted.doubt).to.equal(undefined);
  });

  it('believes the new time in the end: back as well', () => {
    clock.wall -= year;
    expect(inDays(-1)).to.equal(undefined);
    clock.run(11 * minute);
    expect(inDays(-1)).to.equal(false);
    clock.wall += 2 * year;
    expect(inDays(1)).to.equal(undefined);
    clock.run(11 * minute);
    expect(inDays(1)).to.equal(true);
  });

  it('of a machine that slept is believed ten minutes later', () => {
    clock.run(minute);
    clock.sleep(8 * day);
    expect(inDays(1)).to.equal(undefined);
    clock.run(11 * minute);
    expect(inDays(1)).to.equal(true);
  });

  describe('while nothing of it runs', () => {
    const expectDoubt = (note: ReturnType<SetClock['trusted']['note']>, doubted: boolean) => {
      if (note === undefined) throw new Error('no note');
      const next = clock.process();
      next.resume(note);
      expect(next.doubt !== undefined).to.equal(doubted);
      return next;
    };

    it('is found out by the machine: its uptime tells the time that should be', () => {
      const note = clock.trusted.note();
      clock.run(8 * 60 * minute);
      clock.sleep(day);
      expectDoubt(note, false);
      clock.wall += 8 * day;
      const next = expectDoubt(note, true);
      expect(next.hasPassed(start + 5 * day)).to.equal(undefined);
      clock.run(11 * minute, next);
      expect(next.hasPassed(start + 5 * day)).to.equal(true);
      expect(next.note()).not.to.equal(undefined);
    });

    it('is found out when the machine starts with a time before the last one, or long after it', () => {
      for (const boot of ['second', undefined]) {
        clock = new SetClock();
        const note = clock.trusted.note();
        clock.boot = boot;
        clock.monotonic = 1000;
        clock.wall += 5 * minute;
        expectDoubt(note, false);
        clock.wall -= year;
        expect(expectDoubt(note, true).hasPassed(start - day)).to.equal(undefined);
        clock.wall += 2 * year;
        expect(expectDoubt(note, true).hasPassed(start + day)).to.equal(undefined);
      }
    });

    it('leaves no note while it is in doubt', () => {
      clock.wall += year;
      expect(clock.trusted.note()).to.equal(undefined);
    });
  });

  describe('authentication', () => {
    it('neither lands nor discards what a token sent that may have expired: it waits; all else goes on', async () => {
      const tokens = new ScriptedTokens();
      const good = mint({ description: 'good' });
      const brief = mint({ description: 'brief', expiresAt: new Date(start + 30 * day) });
      const old = mint({ description: 'old', expiresAt: new Date(start - day) });
      for (const { stored } of [good, brief, old]) await tokens.create(stored);
      const authenticator = new Authenticator(tokens, clock.trusted);
      const judge = async (...minted: (typeof good)[]) => {
        const records = minted.map(
          ({ stored }) =>
            ({ key: stored.key, tokenDigest: stored.digest, authenticated: false }) as StoredRecord,
        );
        const { rows, discarded } = await authenticator.judge('1', records, AbortSignal.timeout(1000));
        return [rows.length, discarded.map(({ reason }) => reason)];
      };
      const refusal = (...minted: (typeof good)[]) =>
        judge(...minted).then(
          () => undefined,
          (error: unknown) => [instructionOf(error), messageOf(error)],
        );
      expect(await judge(good, brief, old)).to.deep.equal([2, ['expired token']]);
      clock.wall += year;
      expect(await judge(good, old)).to.deep.equal([1, ['expired token']]);
      const waits = await refusal(good, brief);
      expect(waits?.[0]).to.equal('retry');
      expect(waits?.[1]).to.match(
        new RegExp(
          `^whether the token with the key ${brief.stored.key} has expired cannot be told now: this machine's clock was set`,
        ),
      );
      clock.run(6000);
      clock.wall -= year;
      clock.run(11 * minute);
      expect(await judge(good, brief)).to.deep.equal([2, []]);
      clock.wall -= year;
      expect((await refusal(old))?.[0]).to.equal('retry');
      clock.wall += 2 * year;
      clock.run(11 * minute);
      expect(await judge(good, brief)).to.deep.equal([1, ['expired token']]);
    });
  });
});
