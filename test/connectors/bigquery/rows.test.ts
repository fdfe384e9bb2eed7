import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { protobufMinimal } from 'google-gax';
import { isTooLong, lineLimit, lineOf, uploadOf } from '../../../connectors/bigquery/json-rows.js';
import { checkName, quoteText } from '../../../connectors/bigquery/name.js';
import {
  encodedLength,
  encodeRow,
  requestsOf,
  rowDescriptor,
} from '../../../connectors/bigquery/proto-rows.js';
import { makeRow, uglyJson } from '../../../core/conformance/index.js';
import { chart, type Row } from '../../../core/index.js';

function decode(message: Uint8Array): Row {
  const reader = protobufMinimal.Reader.create(message);
  const field = (number: number, wire: number) => expect(reader.uint32()).to.equal((number << 3) | wire);
  field(1, 2);
  const requestId = reader.string();
  field(2, 1);
  const timestamp = reader.double();
  field(3, 2);
  const key = reader.string();
  field(4, 2);
  const body = Buffer.from(reader.bytes());
  expect(reader.pos).to.equal(reader.len);
  return { requestId, timestamp, key, body };
}

describe('what BigQuery is sent', () => {
  it('is a message of protobuf for each row, as another library reads it', () => {
    const lengths = [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152];
    const rows = [
      ...uglyJson.map(({ body }) => makeRow(body)),
      ...lengths.map((length) => makeRow(Buffer.alloc(length, 'x'))),
      ...[5e-324, 0.1 + 0.2, Number.MAX_VALUE].map((timestamp) => makeRow('1', timestamp)),
    ];
    for (const row of rows) {
      const message = encodeRow(row);
      const found = decode(message);
      expect({ ...found, body: '' }).to.deep.equal({ ...row, body: '' });
      expect(Buffer.compare(found.body, row.body)).to.equal(0);
      const framed = protobufMinimal.Writer.create().uint32(0x0a).bytes(message).finish();
      expect(encodedLength(row)).to.equal(framed.length);
    }
    expect(rowDescriptor.field.map(({ name }) => name)).to.deep.equal(chart.map(({ name }) => name));
  });

  it('is cut into requests of so many bytes at most, in order', () => {
    const rows = Array.from({ length: 1000 }, () => makeRow());
    const most = 10_000;
    const requests = [...requestsOf(rows, most)];
    expect(requests.flat().map((message) => decode(message).requestId)).to.deep.equal(
      rows.map(({ requestId }) => requestId),
    );
    for (const request of requests) {
      const bytes = request.reduce((sum, { length }) => sum + length + 3, 0);
      expect(bytes).to.be.greaterThan(0).and.at.most(most);
    }
  });

  it('is a line of JSON for each row, the body a text in it', async () => {
    const rows = uglyJson.filter(({ body }) => body.length < 1e6).map(({ body }) => makeRow(body));
    let counted = 0;
    const { stream, type } = uploadOf({ jobReference: {} }, rows, (bytes) => {
      counted += bytes;
    });
    const boundary = /boundary=(.*)$/.exec(type)?.[1];
    const parts = (await buffer(stream)).toString().split(`--${boundary}`);
    expect(parts.length).to.equal(4);
    expect(parts[3]).to.equal('--\r\n');
    const file = parts[2]?.slice(parts[2].indexOf('\r\n\r\n') + 4, -2) ?? '';
    expect(Buffer.byteLength(file)).to.equal(counted);
    const lines = file.trimEnd().split('\n');
    const bodies = lines.map(
      (line) => (JSON.parse(line) as { __kdd_request_body: string }).__kdd_request_body,
    );
    expect(bodies.map((body) => Buffer.from(body))).to.deep.equal(rows.map(({ body }) => Buffer.from(body)));
  });

  it('is never a line longer than a load job takes', () => {
    const body = (length: number) => makeRow(Buffer.alloc(length, 'x'));
    const rest = Buffer.byteLength(lineOf(body(0)));
    expect(isTooLong(body(1000))).to.equal(false);
    expect(isTooLong(body(lineLimit - rest - 100))).to.equal(false);
    expect(isTooLong(body(lineLimit - rest + 100))).to.equal(true);
    expect(isTooLong(makeRow(Buffer.alloc(lineLimit / 2, '"')))).to.equal(true);
  });

  it('has names as they are, or none', () => {
    for (const name of [
      'leads',
      'Leads',
      'select',
      '1st',
      'two words',
      'ação_日本',
      'a-b',
      'x'.repeat(1024),
    ]) {
      checkName(name);
    }
    const refused = ['', 'a.b', 'a`b', "it's", 'a/b', '😀', 'a\nb', 'x'.repeat(1025), '__hookline_batches'];
    for (const name of refused) expect(() => checkName(name), name).to.throw(/the table name/);
    expect(quoteText("it's \\ it")).to.equal("'it\\'s \\\\ it'");
  });
});
