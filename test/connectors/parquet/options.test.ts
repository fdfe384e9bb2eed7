import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadConfig } from '../../../config/load.js';
import { builtins } from '../../../connectors/index.js';
import { config } from '../../../connectors/parquet/options.js';
import { Registry } from '../../../core/host/registry.js';
import { root } from '../../support/npm.js';
import { blocksOf } from '../../support/pages.js';

const faults = (options: object): string[] =>
  config.safeParse(options).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];

describe('the options of parquet', () => {
  it('take a path, or a bucket with all that belongs to it', () => {
    expect(faults({ path: './lake' })).to.deep.equal([]);
    expect(
      faults({
        bucket: 'lake',
        prefix: 'raw/hooks',
        region: 'eu-central-1',
        endpoint: 'https://s3.example.com',
        pathStyle: false,
        accessKeyId: 'id',
        secretAccessKey: 'secret',
        sessionToken: 'token',
        encryption: 'aws:kms',
        kmsKeyId: 'alias/lake',
      }),
    ).to.deep.equal([]);
    expect(config.parse({ bucket: 'lake', prefix: 'raw/hooks/' }).prefix).to.equal('raw/hooks');
  });

  it('take a mode as it is written in octal, in quotes or not, and no other', () => {
    for (const mode of ['0640', '640', 640, 0o640]) {
      expect(config.parse({ path: './lake', mode }).mode).to.equal('0640');
    }
    for (const mode of ['0777', 777, '0400', 0o755, 'u=rw', 6]) {
      expect(faults({ path: './lake', mode })).to.deep.equal([
        'mode expected who may read and write, such as 0600, 0640 or 0644',
      ]);
    }
  });

  for (const [options, fault] of [
    [{}, 'path expected either path, a folder, or bucket, on S3'],
    [{ path: 'x', bucket: 'lake' }, 'path expected either path, a folder, or bucket, on S3'],
    [{ path: 'x', region: 'eu-central-1' }, 'region is for a bucket, not for a path'],
    [
      { bucket: 'lake', prefix: '/raw' },
      'prefix expected folders such as raw/hooks, without a leading slash',
    ],
    [
      { bucket: 'lake', endpoint: 's3.example.com' },
      'endpoint expected a URL that begins with https:// or http://',
    ],
    [
      { bucket: 'lake', accessKeyId: 'a' },
      'accessKeyId expected accessKeyId and secretAccessKey together, or neither',
    ],
    [{ bucket: 'lake', sessionToken: 'a' }, 'sessionToken is for an accessKeyId'],
    [{ bucket: 'lake', kmsKeyId: 'a' }, 'kmsKeyId is for encryption: aws:kms'],
  ] as const) {
    it(`refuse ${JSON.stringify(options)}`, () => {
      expect(faults(options)).to.deep.equal([fault]);
    });
  }

  it('are those of the configurations in the README, which load', async () => {
    const readme = readFileSync(join(root, 'connectors/parquet/README.md'), 'utf8');
    const blocks = blocksOf(readme, 'yaml');
    expect(blocks).to.have.length(2);
    const all = blocks.map((text) => text.replaceAll(/^( +)# (\w+:)/gm, '$1$2'));
    const env = { LAKE_KEY_ID: 'id', LAKE_SECRET: 'secret' };
    for (const text of [...blocks, ...all]) {
      const { destinations } = await loadConfig(join(root, 'x.yaml'), new Registry(builtins), { text, env });
      expect([...destinations.keys()], text).to.deep.equal(['lake']);
    }
    for (const policy of blocksOf(readme, 'json')) JSON.parse(policy);
  });
});
