import { expect } from 'chai';
import { quoteName } from '../../../connectors/clickhouse/name.js';
import { decodeRows, encodeBlock } from '../../../connectors/clickhouse/native.js';
import { creationOf } from '../../../connectors/clickhouse/table.js';
import { makeRow } from '../../../core/conformance/index.js';

describe('what ClickHouse is sent', () => {
  it('is one block, column by column', () => {
    const row = { requestId: 'a', timestamp: 1, key: 'b', body: Buffer.alloc(200, 'x') };
    const block = encodeBlock([row, row]).toString('latin1');
    const first =
      '\x04\x02\x10__kdd_request_id\x06String\x01a\x01a\x1c__kdd_request_unix_timestamp\x07Float64';
    expect(block.startsWith(first)).to.equal(true);
    expect(
      block.endsWith(`\x12__kdd_request_body\x06String${`\xc8\x01${'x'.repeat(200)}`.repeat(2)}`),
    ).to.equal(true);
  });

  it('comes back in rows', () => {
    const row = makeRow('"é"', 0.1 + 0.2);
    const text = (bytes: Uint8Array) => Buffer.concat([Buffer.from([bytes.length]), bytes]);
    const float = Buffer.alloc(8);
    float.writeDoubleLE(row.timestamp);
    const bytes = [text(Buffer.from(row.requestId)), float, text(Buffer.from(row.key)), text(row.body)];
    expect(decodeRows(Buffer.concat([...bytes, ...bytes]))).to.deep.equal([row, row]);
  });

  it('quotes names, and puts them into the engine as file names', () => {
    expect(quoteName('a`b\\c')).to.equal('`a\\`b\\\\c`');
    expect(creationOf("it's", "ReplicatedMergeTree('/{table}', 'r')", false)).to.include("('/it%27s', 'r')");
  });

  it('asks a plain MergeTree to remember blocks', () => {
    const window = 'SETTINGS non_replicated_deduplication_window = 1000';
    expect(creationOf('t', 'MergeTree', false).endsWith(window)).to.equal(true);
    expect(creationOf('t', 'ReplicatedMergeTree', false)).not.to.include('SETTINGS');
  });

  it('asks for parts that are flushed before they are answered', () => {
    for (const engine of ['MergeTree', "ReplicatedMergeTree('/t', 'r')"]) {
      expect(creationOf('t', engine, true)).to.match(/fsync_after_insert = 1, fsync_part_directory = 1$/);
    }
  });
});
