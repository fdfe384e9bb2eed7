import { expect } from 'chai';
import { mask } from '../../core/host/mask.js';
import { loadText } from './fixture.js';

describe('the secrets of a configuration', () => {
  it('are masked from its loading on: what is declared secret, also from the environment', async () => {
    await loadText(
      'server: { admin: { token: s3cret-admin-token } }\n' +
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the YAML has its own
        'destinations: { w: { type: postgres, url: "postgres://app:s3cret-url@h/d", password: "${PW}", pin: 70707 } }',
      { PW: 's3cret-env' },
    );
    expect(mask('s3cret-admin-token s3cret-url s3cret-env 70707 app public')).to.equal(
      '*** *** *** *** app public',
    );
  });

  it('are not masked where the file says the same word openly: that would tell them', async () => {
    await loadText(
      'destinations: { openly: { type: postgres, url: "postgres://myself:myself@h/d", password: openly, schema: theirs } }\n' +
        'spool: { type: lmdb, path: theirs }',
    );
    expect(mask('openly, as myself')).to.equal('openly, as myself');
  });
});
