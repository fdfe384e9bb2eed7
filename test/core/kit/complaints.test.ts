import { expect } from 'chai';
import type { Logger } from '../../../core/contract/logger.js';
import { Complaints } from '../../../core/kit/complaints.js';
import { eventually } from '../../support/hookline.js';

describe('complaints', () => {
  const lines: string[] = [];
  const logger = { error: (_: object, line: string) => lines.push(line) } as unknown as Logger;

  it('are one line, however often it happens, and then a count', async () => {
    const complaints = new Complaints(logger, 100);
    for (let n = 0; n < 1000; n++) complaints.say('the disk is full');
    complaints.say('something else');
    expect(lines).to.deep.equal(['the disk is full', 'something else']);
    await eventually('it is counted', async () => lines.length > 2 || undefined);
    expect(lines.slice(2)).to.deep.equal(['the disk is full (999 more times within 0.1 s)']);
  });
});
