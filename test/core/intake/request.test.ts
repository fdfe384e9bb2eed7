import { expect } from 'chai';
import { readCredentials } from '../../../core/intake/request.js';
import { seed } from '../../support/attack.js';
import { Random } from '../../support/random.js';

const key = '72cfbe1a-2a7d-4d42-b88f-5ef44a93dcd9';
const token = 'OInUbeVxZyPQyhSyBfZLVgO0L7Aky7D5ra5wUTPjP0MC1tuUTkeB6NEPnaqyiNKJ';

/** What it reads where nothing is remembered: a header that says nothing keeps it from that. */
const fresh = (query: string) => readCredentials(query, 'Bearer none');

describe('the credentials of a request', () => {
  it('are those of its own pipeline, where the same sender asks for many', () => {
    for (const pipeline of ['1', '2', '9007199254740991', '1']) {
      expect(readCredentials(`pipeline_id=${pipeline}&key=${key}&token=${token}`)).to.include({
        pipeline,
        key,
      });
    }
  });

  it('are never filled up with what was remembered of others', () => {
    readCredentials(`pipeline_id=1&key=${key}&token=${token}`);
    readCredentials(`key=${key}&token=${token}&pipeline_id=1`);
    for (const query of [
      `&key=${key}&token=${token}`,
      `key=${key}&token=${token}`,
      `?key=${key}&token=${token}`,
    ]) {
      expect(readCredentials(query), query).to.equal('MISSING_PARAMETER: pipeline_id');
    }
    for (const pipeline of ['', '0', '01', '1%', '%31x', '1=', '9007199254740992', 'x']) {
      const query = `pipeline_id=${pipeline}&key=${key}&token=${token}`;
      expect(readCredentials(query), query).to.be.a('string').that.includes('pipeline_id');
    }
  });

  it('end where a tool has appended its own parameters with a fixed question mark', () => {
    const good = { pipeline: '1', key };
    for (const query of [
      `pipeline_id=1&key=${key}&token=${token}?sample_rate=1&uid=2`,
      `pipeline_id=1?uid=2&key=${key}&token=${token}`,
      `pipeline_id=1&key=${key}?token=${token}`,
      `key=${key}&token=${token}&pipeline_id=1??`,
    ]) {
      expect(readCredentials(query), query).to.include(good);
      expect(fresh(query), query).to.include(good);
    }
    // Not those of another's parameter, nor what is written in another way.
    for (const [query, code] of [
      [`pipeline_id=1&key=${key}&a=http://x/?token=${token}`, 'MISSING_PARAMETER: token'],
      [`pipeline_id=1&key=${key}&token=${token}?token=other`, 'INVALID_PARAMETER: token'],
      [`pipeline_id=1&key=${key}&token=${token}%3Fa=1`, 'INVALID_PARAMETER: token'],
    ] as const) {
      expect(readCredentials(query), query).to.equal(code);
    }
    // What follows the pipeline here is a sender of its own; it says nothing for one that begins alike.
    readCredentials(`pipeline_id=1?token=${token}&key=${key}`);
    expect(readCredentials(`pipeline_id=1&key=${key}`)).to.equal('MISSING_PARAMETER: token');
  });

  it('are read behind &amp;, as a page’s source has it', () => {
    expect(readCredentials(`pipeline_id=1&amp;key=${key}&amp;token=${token}`)).to.include({ key });
    expect(readCredentials(`pipeline_id=1&amp;key=${key}&token=${token}&amp;key=x`)).to.be.a('string');
  });

  it('are what they are when nothing is remembered, in whatever words, 200,000 times', () => {
    const random = new Random(seed);
    const parts = [
      'pipeline_id=1',
      'pipeline_id=2',
      'pipeline_id=02',
      'pipeline_id=',
      'pipeline%5Fid=3',
      'pipeline_id=%31',
      'pipeline_id',
      `key=${key}`,
      `key=${key.toUpperCase()}`,
      `key=${key.replace('7', '8')}`,
      'key=',
      `token=${token}`,
      `token=${token}x`,
      'token=%',
      'other=pipeline_id',
      `pipeline_id=1?token=${token}`,
      `amp;key=${key}`,
      `token=${token}?a=b`,
      'a=1',
      '',
    ];
    const common = [parts[0], parts[7], parts[11]] as string[];
    for (let round = 0; round < 200_000; round++) {
      const chosen = Array.from({ length: random.below(5) }, () => random.of(parts));
      for (const part of common) {
        if (random.chance(0.8)) chosen.splice(random.below(chosen.length + 1), 0, part);
      }
      const query = chosen.join('&');
      if (query === '') continue;
      expect(readCredentials(query), `SEED=${seed}: ${query}`).to.deep.equal(fresh(query));
    }
  }).timeout(120_000);
});
