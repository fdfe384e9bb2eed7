import { expect } from 'chai';
import { instructed } from '../../../connectors/bigquery/account.js';
import { brokenConnection, errorOf, secondsOf } from '../../../connectors/bigquery/errors.js';
import { adviceOf } from '../../../connectors/bigquery/grants.js';
import { loadSdk } from '../../../connectors/bigquery/sdk.js';
import { detailsOf } from '../../../connectors/bigquery/status-details.js';
import { instructionOf, messageOf } from '../../../core/index.js';

const verdict = (code: string, status?: number) =>
  instructionOf(errorOf({ code, ...(status !== undefined && { status }) }, 'writing'));

describe('the bigquery errors', () => {
  before(() => loadSdk());

  const expected: Readonly<Record<string, readonly string[]>> = {
    retry: [
      'backendError',
      'internalError',
      'jobRateLimitExceeded',
      'quotaExceeded',
      'rateLimitExceeded',
      'tableUnavailable',
      'UNAVAILABLE',
      'RESOURCE_EXHAUSTED',
      'ABORTED',
      'ECONNREFUSED',
      'somethingNew',
    ],
    config: [
      'accessDenied',
      'accessNotConfigured',
      'authError',
      'billingNotEnabled',
      'invalidQuery',
      'notFound',
      'PERMISSION_DENIED',
      'UNAUTHENTICATED',
      'CERT_HAS_EXPIRED',
    ],
  };
  for (const [instruction, codes] of Object.entries(expected)) {
    it(`are told apart by reason: ${codes.join(', ')} mean ${instruction}`, () => {
      for (const code of codes) expect(verdict(code), code).to.equal(instruction);
    });
  }

  it('whose reason nobody knows are judged by the HTTP status', () => {
    for (const status of [401, 403, 404]) expect(verdict('new', status), `${status}`).to.equal('config');
    for (const status of [400, 408, 429, 500, 502, 503]) expect(verdict('new', status)).to.equal('retry');
  });

  it('of a connection are found under whatever wraps them', () => {
    const socket = Object.assign(new Error('x'), { code: 'ECONNRESET' });
    for (const error of [
      socket,
      new Error('x', { cause: socket }),
      Object.assign(new Error(), { error: socket }),
    ]) {
      expect(brokenConnection(error)?.code).to.equal('ECONNRESET');
    }
    expect(brokenConnection(new TypeError('a bug'))).to.equal(undefined);
  });

  it('of whoever gives tokens halt when they refuse, wait when they are down, and show no token', () => {
    const answer = (status: number, data: unknown) =>
      Object.assign(new Error('assertion=unspeakable'), {
        response: { status, data },
        config: 'unspeakable',
      });
    const revoked = instructed(answer(400, { error: 'invalid_grant' }), 'looking');
    expect(instructionOf(revoked)).to.equal('config');
    expect(messageOf(revoked)).to.include('invalid_grant').and.not.to.include('unspeakable');
    expect(revoked.cause).to.equal(undefined);
    expect(instructionOf(instructed(answer(503, 'x'), 'x'))).to.equal('retry');
    const down = Object.assign(new Error('x'), { code: 'ENOTFOUND' });
    expect(instructionOf(instructed(down, 'x'))).to.equal('retry');
    const none = instructed(new Error('Could not load the default credentials.'), 'x');
    expect(instructionOf(none)).to.equal('config');
    expect(messageOf(none)).to.include('gcloud auth application-default login');
  });

  it('say how long to wait, in seconds of protobuf', () => {
    expect(secondsOf('2.5s')).to.equal(2500);
    expect(secondsOf('30s')).to.equal(30_000);
    expect(secondsOf('soon')).to.equal(undefined);
    expect(detailsOf(Buffer.alloc(0))).to.deep.equal({});
  });

  it('name the statement that grants what is missing', () => {
    const place = { project: 'p', dataset: 'd', principal: 'serviceAccount:a@p.iam.gserviceaccount.com' };
    expect(adviceOf('bigquery.tables.create', place)).to.equal(
      'it needs bigquery.tables.create; run: GRANT `roles/bigquery.dataEditor` ON SCHEMA `p`.`d` TO "serviceAccount:a@p.iam.gserviceaccount.com";',
    );
    expect(adviceOf('bigquery.jobs.create', place)).to.include("--role='roles/bigquery.jobUser'");
  });
});
