import { expect } from 'chai';
import { messageOf } from '../../../core/contract/errors.js';
import { hide, mask } from '../../../core/host/mask.js';

describe('the mask', () => {
  it('takes out the password of any URL', () => {
    expect(mask('connect postgres://app:pa%20ss@db:5432/x?y=1 and amqps://:p@q')).to.equal(
      'connect postgres://app:***@db:5432/x?y=1 and amqps://:***@q',
    );
    const innocent = 'http://127.0.0.1:8080/a?mail=b@c, user@host, "http://h:1","a@b", file:///x:y@z';
    expect(mask(innocent)).to.equal(innocent);
  });

  it('takes out what was hidden, as it is, in JSON and in a URL', () => {
    hide('mask-test "1"/ü');
    for (const form of ['mask-test "1"/ü', 'mask-test \\"1\\"/ü', 'mask-test%20%221%22%2F%C3%BC']) {
      expect(mask(`<${form}>`)).to.equal('<***>');
    }
    expect(messageOf(new Error('with mask-test "1"/ü'))).to.equal('with ***');
  });

  it('takes out a short one where it stands alone, and a longer one everywhere', () => {
    hide('m4sk');
    hide('m4sk-longer');
    expect(mask('m4sk, (m4sk) m4sked m4sk-longer xm4sk-longery')).to.equal('***, (***) m4sked *** x***y');
  });
});
