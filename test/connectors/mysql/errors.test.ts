import { expect } from 'chai';
import { instructed } from '../../../connectors/mysql/errors.js';
import { type Instruction, instructionOf, messageOf } from '../../../core/index.js';

/** An error as the driver makes it of the server's. */
const told = (errno: number, sqlState: string): unknown =>
  instructed(Object.assign(new Error('said'), { code: 'ER_X', errno, sqlState }), 'writing');

describe('the errors of mysql', () => {
  const verdicts: readonly [errno: number, sqlState: string, instruction: Instruction, what: string][] = [
    [1045, '28000', 'config', 'a wrong password'],
    [1049, '42000', 'config', 'a missing database'],
    [1142, '42000', 'config', 'a missing grant'],
    [1146, '42S02', 'config', 'a missing table'],
    [3159, 'HY000', 'config', 'a server that wants TLS'],
    [1205, 'HY000', 'retry', 'a lock that is not to be had'],
    [1213, '40001', 'retry', 'a deadlock'],
    [1040, '08004', 'retry', 'too many connections'],
    [1226, '42000', 'retry', 'a quota of the user'],
    [1290, 'HY000', 'retry', 'a read-only server'],
    [1021, 'HY000', 'retry', 'a full disk'],
    [9999, 'HY000', 'retry', 'what is unknown'],
    [1366, 'HY000', 'permanent', 'a text that is not UTF-8'],
    [1062, '23000', 'permanent', "a unique key of the user's own"],
    [3819, 'HY000', 'permanent', "a CHECK of the user's own"],
    [1153, '08S01', 'permanent', 'a packet that is too large'],
    [1526, 'HY000', 'config', 'a row without a partition'],
    [1644, '42000', 'permanent', 'a trigger, whatever class it raises'],
    [3750, 'HY000', 'config', 'a server that wants a primary key'],
    [3101, '40000', 'retry', 'a commit that a group has rolled back'],
  ];
  for (const [errno, sqlState, instruction, what] of verdicts) {
    it(`are ${instruction} for ${what}`, () => {
      expect(instructionOf(told(errno, sqlState))).to.equal(instruction);
    });
  }

  it('do not repeat what the server says of a row', () => {
    const error = told(1366, 'HY000') as Error;
    expect(messageOf(error)).to.equal('writing: the server refuses a row (ER_X 1366)');
    expect(error).to.include({ code: '1366' });
    expect(error.cause).to.equal(undefined);
  });

  it('do not repeat what it says of a statement with rows in it, whatever it is', () => {
    const said = Object.assign(new Error('said'), { code: 'ER_X', errno: 9999, sqlState: 'HY000' });
    const error = instructed(said, 'writing', 'rows') as Error;
    expect(messageOf(error)).to.equal('writing: the server refuses (ER_X 9999)');
    expect(error.cause).to.equal(undefined);
  });

  it('leave a bug as it is', () => {
    const bug = new TypeError('x is not a function');
    expect(instructed(bug, 'writing')).to.equal(bug);
  });
});
