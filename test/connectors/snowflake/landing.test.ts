import { expect } from 'chai';
import { instantiate, makeBatch, makeRow } from 'hookline/conformance';
import { type Destination, instructionOf, messageOf } from 'hookline/plugin';
import plugin from '../../../connectors/snowflake/index.js';
import { refusal, SnowflakeDouble } from '../../support/snowflake-double.js';

const never = new AbortController().signal;

describe('landing in snowflake, on a double with the transactions of its documentation', function () {
  this.timeout(20_000);
  let double: SnowflakeDouble;
  const opened: Destination[] = [];

  beforeEach(async () => {
    double = await SnowflakeDouble.start();
  });
  afterEach(async () => {
    for (const destination of opened.splice(0)) await destination.close();
    await double.stop();
  });

  const ready = async (): Promise<Destination> => {
    const destination = instantiate(plugin, double.options);
    opened.push(destination);
    await destination.open(never);
    return destination;
  };
  const batch = () => makeBatch('leads', [makeRow(), makeRow('{"a":"\\n"}'), makeRow()]);
  const thrownBy = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );
  const statements = (from: number) => double.seen.slice(from).map((line) => line.replace(/^\d+ /, ''));

  it('is one transaction of an entry, the COPY and the lock, and asks the ledger afterwards', async () => {
    const destination = await ready();
    const from = double.seen.length;
    await destination.write(batch(), never);
    expect(double.rows).to.have.length(3);
    const words = statements(from).map((text) => text.split(' ')[0]);
    expect(words.slice(words.lastIndexOf('PUT'))).to.deep.equal([
      'PUT',
      'BEGIN',
      'INSERT',
      'COPY',
      'UPDATE',
      'SELECT',
      'COMMIT',
      'SELECT',
      'REMOVE',
    ]);
  });

  it('lets one of two writers of a batch win, though both have made their entry and copied', async () => {
    const destinations = [await ready(), await ready()];
    let copying = 0;
    let both: () => void = () => {};
    const met = new Promise<void>((resolve) => {
      both = resolve;
    });
    double.before = async (sql) => {
      if (sql.startsWith('COPY')) {
        copying += 1;
        if (copying === 2) both();
        await met;
      }
      return undefined;
    };
    const same = batch();
    await Promise.all(destinations.map((destination) => destination.write(same, never)));
    expect(copying).to.equal(2);
    expect(double.rows.toSorted()).to.deep.equal(same.rows.map(({ requestId }) => requestId).toSorted());
    expect(double.ledger).to.deep.equal([same.id]);
    expect(double.seen.filter((line) => line.endsWith(' ROLLBACK'))).to.have.length(1);
    expect(double.seen.filter((line) => line.endsWith(' COMMIT'))).to.have.length(1);
  });

  it('sets whatever parameter of account or user could hurt, before anything else', async () => {
    const first = new Map<string, string>();
    double.before = async (sql, session) => {
      if (!first.has(session)) first.set(session, sql);
      return undefined;
    };
    await (await ready()).write(batch(), never);
    for (const sql of first.values()) {
      for (const parameter of [
        'AUTOCOMMIT = TRUE',
        'QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE',
        "TIMEZONE = 'UTC'",
        'LOCK_TIMEOUT = 360',
        'ABORT_DETACHED_QUERY = TRUE',
        'TRANSACTION_ABORT_ON_ERROR = TRUE',
        'STATEMENT_TIMEOUT_IN_SECONDS = 86400',
        'STATEMENT_QUEUED_TIMEOUT_IN_SECONDS = 0',
        'ROWS_PER_RESULTSET = 0',
        "DEFAULT_DDL_COLLATION = ''",
      ]) {
        expect(sql)
          .to.match(/^ALTER SESSION SET /)
          .and.include(parameter);
      }
    }
    expect(first.size).to.be.above(0);
  });

  it('copies nothing of a batch that has landed', async () => {
    const destination = await ready();
    const same = batch();
    await destination.write(same, never);
    const from = double.seen.length;
    await destination.write(same, never);
    expect(double.rows).to.have.length(3);
    expect(statements(from)).to.not.include('COPY INTO');
  });

  it('believes the ledger and not a COMMIT whose transaction Snowflake had rolled back', async () => {
    const destination = await ready();
    const same = batch();
    double.before = async (sql, session) => {
      if (sql === 'COMMIT') double.abandon(session);
      return undefined;
    };
    const error = await thrownBy(destination.write(same, never));
    expect(instructionOf(error)).to.equal('retry');
    expect(double.rows).to.deep.equal([]);
    double.before = async () => undefined;
    await destination.write(same, never);
    expect(double.rows).to.have.length(3);
  });

  it('is tried again when the lock is not to be had in time', async () => {
    const destination = await ready();
    double.before = async (sql) => (sql.startsWith('UPDATE') ? refusal(625, '57014') : undefined);
    const error = await thrownBy(destination.write(batch(), never));
    expect(instructionOf(error)).to.equal('retry');
    expect(double.rows).to.deep.equal([]);
  });

  it('rolls back a COPY that loads another number of rows, and is tried again', async () => {
    const destination = await ready();
    const bigger = batch();
    const doctored = {
      ...bigger,
      rows: bigger.rows.map((row, n) => (n === 1 ? { ...row, requestId: 'odd' } : row)),
    };
    const error = await thrownBy(destination.write(doctored, never));
    expect(messageOf(error)).to.include('COPY loaded 2 of 3 rows');
    expect(instructionOf(error)).to.equal('retry');
    expect(double.rows).to.deep.equal([]);
  });

  const answers: readonly [number, string, string][] = [
    [100_078, '22000', 'permanent'],
    [100_082, '22000', 'permanent'],
    [100_072, '22000', 'permanent'],
    [90_073, '22000', 'config'],
    [606, '57P03', 'config'],
    [3001, '42501', 'config'],
    [2003, '02000', 'config'],
    [603, 'XX000', 'retry'],
    [630, '57014', 'retry'],
    [91_016, '02000', 'retry'],
    [999_999, '', 'retry'],
  ];
  for (const [number, state, instruction] of answers) {
    it(`calls a COPY that fails with ${number} ${instruction}, and says nothing of the row`, async () => {
      const destination = await ready();
      const said = instruction === 'config' ? 'names alone' : "String 'secretive' is too long";
      double.before = async (sql) => (sql.startsWith('COPY') ? refusal(number, state, said) : undefined);
      const error = await thrownBy(destination.write(batch(), never));
      expect(instructionOf(error)).to.equal(instruction);
      expect(messageOf(error)).to.include(String(number)).and.not.include('secretive');
      expect(double.rows).to.deep.equal([]);
    });
  }

  it('ends when its signal fires though no answer ever comes, and can be written again', async () => {
    const destination = await ready();
    double.before = async (sql) => (sql === 'COMMIT' ? await new Promise<undefined>(() => {}) : undefined);
    const error = await thrownBy(destination.write(batch(), AbortSignal.timeout(300)));
    expect(error).to.be.instanceOf(Error);
    double.before = async () => undefined;
    await destination.write(batch(), never);
    expect(double.rows).to.have.length(3);
  });
});
