import { inspect } from 'node:util';
import { expect } from 'chai';
import { instructed, isEnded } from '../../../connectors/snowflake/errors.js';
import { type Instruction, instructionOf, messageOf, RetryableError } from '../../../core/index.js';

/** An error as the SDK makes it of the server's. */
const of = (code: number | string, rest: object = {}) => Object.assign(new Error('said'), { code, ...rest });
const told = (error: unknown, grant?: string): unknown => instructed(error, 'writing', grant);

describe('the errors of snowflake', () => {
  const numbers: readonly [
    code: number | string,
    sqlState: string,
    instruction: Instruction,
    what: string,
  ][] = [
    ['390100', '08001', 'config', 'a wrong password'],
    ['390144', '08001', 'config', 'a key that is not the user’s'],
    ['390189', '08004', 'config', 'a role that is not granted'],
    ['390303', '08001', 'config', 'a token that is not valid'],
    ['390318', '08001', 'config', 'a token that has expired'],
    ['390422', '08001', 'config', 'a network policy'],
    ['390112', '08001', 'retry', 'a session that has expired'],
    ['390114', '08001', 'retry', 'a session that cannot be renewed'],
    ['002003', '02000', 'config', 'a missing table'],
    ['003001', '42501', 'config', 'a missing grant'],
    ['001003', '42000', 'config', 'SQL that is not understood'],
    ['090073', '22000', 'config', 'a quota that is used up'],
    ['000606', '57P03', 'config', 'no warehouse'],
    ['000625', '57014', 'retry', 'a lock'],
    ['000604', '57014', 'retry', 'a statement that was cancelled'],
    ['100078', '22000', 'permanent', 'a text that is too long'],
    ['100072', '22000', 'permanent', 'a NULL'],
    ['100132', 'P0000', 'retry', 'a fault of Snowflake’s own'],
    ['424242', '', 'retry', 'what is unknown'],
    [401_001, '', 'retry', 'no connection'],
    [407_002, '08003', 'retry', 'a session that has ended'],
    [404_026, '', 'config', 'an option that the SDK does not take'],
  ];
  for (const [code, sqlState, instruction, what] of numbers) {
    it(`are ${instruction} for ${what}`, () => {
      expect(instructionOf(told(of(code, { sqlState })))).to.equal(instruction);
    });
  }

  const statuses: readonly [number, Instruction][] = [
    [403, 'config'],
    [404, 'config'],
    [408, 'retry'],
    [429, 'retry'],
    [500, 'retry'],
    [503, 'retry'],
  ];
  for (const [statusCode, instruction] of statuses) {
    it(`are ${instruction} for HTTP ${statusCode}`, () => {
      expect(instructionOf(told(of(401_002, { response: { statusCode } })))).to.equal(instruction);
    });
  }

  it('wait as long as an HTTP answer asks', () => {
    const response = { statusCode: 429, headers: { 'retry-after': '7' } };
    expect((told(of(401_002, { response })) as RetryableError).delay).to.equal(7000);
  });

  it('are config for a certificate that is not to be trusted, and retry for a refused connection', () => {
    const cause = (code: string) => of(401_001, { cause: Object.assign(new Error(), { code }) });
    expect(instructionOf(told(cause('CERT_HAS_EXPIRED')))).to.equal('config');
    expect(instructionOf(told(cause('ECONNREFUSED')))).to.equal('retry');
  });

  it('say the grant that is missing', () => {
    const message = messageOf(
      told(of('003001', { sqlState: '42501' }), 'GRANT INSERT ON TABLE T TO ROLE R;'),
    );
    expect(message).to.match(
      /^writing: said \(3001, SQLSTATE 42501\); run: GRANT INSERT ON TABLE T TO ROLE R;$/,
    );
  });

  it("bear Snowflake's number where they refuse a row, and nothing of the row", () => {
    const said = Object.assign(new Error("Numeric value 'somebody' is not recognized"), {
      code: '100038',
      sqlState: '22018',
    });
    const error = told(said) as Error;
    expect(error).to.include({ code: '100038' });
    expect(inspect(error, { depth: 9 })).to.not.include('somebody');
  });

  it('hold nothing of the SDK’s error, on which the answer hangs', () => {
    const secret = {
      data: { queryId: '01b2', token: 'sesame' },
      response: { statusCode: 500, body: 'sesame' },
    };
    const error = told(of('000603', secret)) as Error;
    expect(error.cause).to.equal(undefined);
    expect(messageOf(error)).to.include('query 01b2').and.not.include('sesame');
  });

  it('tell whether another session would do', () => {
    expect([of('390114'), of(407_002), of('390100'), new Error('bug')].map(isEnded)).to.deep.equal([
      true,
      true,
      false,
      false,
    ]);
  });

  it('leave a bug, and an instruction, as they are', () => {
    for (const error of [new TypeError('bug'), new RetryableError('said'), of('ENOENT')]) {
      expect(told(error)).to.equal(error);
    }
  });
});
