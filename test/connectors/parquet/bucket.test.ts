import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { makeBatch, makeRow, never, refused, TestDestinations } from 'hookline/conformance';
import { instructionOf, messageOf } from 'hookline/plugin';
import { instructedBucket } from '../../../connectors/parquet/bucket-errors.js';
import plugin from '../../../connectors/parquet/index.js';
import { S3Stub } from '../../support/s3-stub.js';

describe('the parquet destination on S3', () => {
  let stub: S3Stub;
  const destinations = new TestDestinations(plugin, () => stub.options);

  before(async () => {
    stub = await S3Stub.start();
  });
  afterEach(async () => {
    await destinations.close();
    stub.answer = () => undefined;
  });
  after(() => stub.stop());

  /** A MinIO without a KMS refuses every PUT that asks for encryption. */
  const withoutKms = () => {
    stub.answer = ({ method, headers }) =>
      method === 'PUT' && 'x-amz-server-side-encryption' in headers
        ? { status: 501, code: 'NotImplemented' }
        : undefined;
  };

  it('halts with advice where the store does not encrypt, in check and in a write', async () => {
    withoutKms();
    const destination = await destinations.ready('leads', { encryption: 'AES256' });
    for (const call of [
      () => destination.check(['leads'], never),
      () => destination.write(makeBatch('leads', [makeRow()]), never),
    ]) {
      const error = await refused(call());
      expect(instructionOf(error), error.message).to.equal('config');
      expect(error.message).to.include('take `encryption` out, or configure one');
    }
  });

  it('goes on without conditions only where a PUT without one succeeds', async () => {
    stub.answer = ({ method, headers }) =>
      method === 'PUT' && ('if-match' in headers || 'if-none-match' in headers)
        ? { status: 501, code: 'NotImplemented' }
        : undefined;
    const destination = await destinations.ready('leads');
    await destination.check(['leads'], never);
    await destination.write(makeBatch('leads', [makeRow()]), never);
  });

  it('tells what speaks no TLS, and what speaks no HTTP, from a certificate that is not trusted', async () => {
    const plain = stub.options.endpoint;
    const tls = await refused(destinations.make({ endpoint: plain.replace('http:', 'https:') }).open(never));
    expect(instructionOf(tls)).to.equal('config');
    expect(tls.message).to.include('it does not speak TLS');
    const other = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const http = await refused(destinations.make({ endpoint: `http://127.0.0.1:${port}` }).open(never));
    other.close();
    expect(instructionOf(http), http.message).to.equal('config');
    expect(http.message).to.include('it does not speak HTTP');
  });

  it("halts at options that the SDK refuses, and gives the SDK's reason", async () => {
    const bucket = 'arn:aws:s3:eu-central-1:123456789012:accesspoint/lake';
    const error = await refused(destinations.make({ bucket }).open(never));
    expect(instructionOf(error), error.message).to.equal('config');
    expect(error.message).to.match(/the SDK refuses it: .+/);
  });

  const refusals: readonly [status: number, code: string, instruction: string][] = [
    [400, 'InvalidRequest', 'config'],
    [400, 'InvalidArgument', 'config'],
    [403, 'InvalidObjectState', 'config'],
    [405, 'MethodNotAllowed', 'config'],
    [501, 'NotImplemented', 'config'],
    [400, 'RequestTimeout', 'retry'],
    [400, 'IncompleteBody', 'retry'],
    [400, 'BadDigest', 'retry'],
    [409, 'ConditionalRequestConflict', 'retry'],
    [429, 'TooManyRequests', 'retry'],
    [503, 'SlowDown', 'retry'],
    [507, 'XMinioStorageFull', 'retry'],
  ];
  for (const [httpStatusCode, name, instruction] of refusals) {
    it(`calls ${name} (${httpStatusCode}) ${instruction}`, () => {
      const error = Object.assign(new Error('said'), { name, $metadata: { httpStatusCode } });
      const known = instructedBucket(error, 'writing', 'PutObject', 'lake');
      expect(instructionOf(known), messageOf(known)).to.equal(instruction);
    });
  }
});
