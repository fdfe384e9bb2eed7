import { expect } from 'chai';
import { visible, visibleJson, visibleLine } from '../../../server/cli/visible.js';

const hostile =
  'a\u001b[2J\u009b2J\u009d0;t\u009c\u202e\u2066\u061c\u200f\u007f\u0000\r\b\u0085 é 日 \\u001b';
const shown =
  'a\\u001b[2J\\u009b2J\\u009d0;t\\u009c\\u202e\\u2066\\u061c\\u200f\\u007f\\u0000\\u000d\\u0008\\u0085 é 日 \\u001b';

describe('text on a terminal', () => {
  it('shows C0, DEL, C1 and bidirectional controls as escapes, and keeps lines and tabs', () => {
    expect(visible(`${hostile}\n\tb`)).to.equal(`${shown}\n\tb`);
    expect(visibleLine('a\n\tb')).to.equal('a\\n\\tb');
  });

  it('is the same value still where it is JSON', () => {
    const value = { [hostile]: [hostile] };
    expect(JSON.parse(visible(JSON.stringify(value)))).to.deep.equal(value);
  });

  it('is shown by a log that is JSON before it is text', () => {
    const line = `${JSON.stringify({ msg: `${hostile}\n"\\` })}\n`;
    expect(visibleJson(line)).to.match(/^[^\n]*\n$/);
    const { msg } = JSON.parse(visibleJson(line)) as { msg: string };
    expect(msg.replace('\\r', '\\u000d').replace('\\b', '\\u0008')).to.equal(`${shown}\n"\\`);
  });
});
