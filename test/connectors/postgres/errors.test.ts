import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { instructed } from '../../../connectors/postgres/errors.js';
import { instructionOf, messageOf, PermanentError } from '../../../core/index.js';

function verdict(code: string, more: object = {}): string | undefined {
  return instructionOf(
    instructed(Object.assign(new Error('whatever it says'), { code }, more), 'warehouse: writing'),
  );
}

describe('the postgres errors', () => {
  const expected: Readonly<Record<string, readonly string[]>> = {
    retry: [
      '08006',
      '25006',
      '40001',
      '40P01',
      '53100',
      '53300',
      '55P03',
      '57014',
      '57P01',
      '57P03',
      '58030',
      'XX000',
    ],
    config: ['0A000', '28000', '28P01', '3D000', '3F000', '42501', '42P01', '42703', '42804'],
    permanent: ['22021', '22P05', '23502', '23514', '54000', 'P0001'],
  };
  for (const [instruction, codes] of Object.entries(expected)) {
    it(`are told apart by SQLSTATE: ${codes.join(', ')} mean ${instruction}`, () => {
      for (const code of codes) expect(verdict(code), code).to.equal(instruction);
    });
  }

  it('bear the SQLSTATE where they refuse a row', () => {
    const refusal = instructed(Object.assign(new Error('refused'), { code: '23514' }), 'writing');
    expect(refusal).to.include({ code: '23514' });
  });

  it('tell a partition that is missing from a CHECK, and show of the row its timestamp alone', () => {
    const missing = (columns: string, values: string) =>
      instructed(
        Object.assign(new Error('no partition of relation "t" found for row'), {
          code: '23514',
          routine: 'ExecFindPartition',
          detail: `Partition key of the failing row contains (${columns}) = (${values}).`,
        }),
        'writing',
      );
    const byTime = missing('__kdd_request_unix_timestamp', '1764556335.1');
    expect(instructionOf(byTime)).to.equal('config');
    expect(messageOf(byTime)).to.equal(
      'writing: no partition of relation "t" found for row, for __kdd_request_unix_timestamp = 1764556335.1 (23514); ' +
        'make a partition for such rows',
    );
    const byBody = missing('left(__kdd_request_body, 5)', 'secret');
    expect(messageOf(byBody)).to.include('by left(__kdd_request_body, 5)').and.not.include('secret');
  });

  it('of the socket are retryable, of a certificate a ConfigError', () => {
    for (const code of [
      'ECONNREFUSED',
      'ECONNRESET',
      'ETIMEDOUT',
      'EPIPE',
      'ENOTFOUND',
      'EAI_AGAIN',
      'EHOSTUNREACH',
    ]) {
      expect(verdict(code, { syscall: 'connect', errno: -1 }), code).to.equal('retry');
      expect(verdict(code), code).to.equal('retry');
    }
    for (const code of ['SELF_SIGNED_CERT_IN_CHAIN', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID']) {
      expect(verdict(code), code).to.equal('config');
    }
  });

  it('that are bugs are passed on as they are', () => {
    for (const error of [
      new TypeError('x'),
      Object.assign(new TypeError('x'), { code: 'ERR_INVALID_ARG_TYPE' }),
    ]) {
      expect(instructed(error, 'writing')).to.equal(error);
    }
    const instruction = new PermanentError('x');
    expect(instructed(instruction, 'writing')).to.equal(instruction);
  });

  it('say which address was tried when a host has several', async () => {
    const socket = connect({ host: 'localhost', port: 9, autoSelectFamily: true });
    const [error] = await once(socket, 'error').then(
      (values) => values,
      (error: unknown) => [error],
    );
    const known = instructed(error, 'warehouse: connecting');
    expect(instructionOf(known)).to.equal('retry');
    expect(messageOf(known)).to.include('127.0.0.1:9').and.to.include('is the server running');
  });
});
