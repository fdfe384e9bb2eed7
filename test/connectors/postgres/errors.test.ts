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
