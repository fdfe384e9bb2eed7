import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { ChildServer } from './child-server.js';
import { fromGo } from './foreign.js';
import { freePorts } from './free-ports.js';

const release = 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c';

/** A request as MinIO asks whether it is allowed. */
export interface Access {
  /** `s3:PutObject`. */
  readonly action: string;
  readonly bucket: string;
  readonly object: string;
}

/** A real MinIO on loopback with a bucket `lake`. Its first start builds it, which takes minutes. */
export class TestMinio {
  static readonly bucket = 'lake';
  readonly accessKeyId = 'hookline-test';
  readonly secretAccessKey = randomBytes(12).toString('hex');
  readonly client: S3Client;
  /** What nobody may, the administrator neither. MinIO asks for each request, by its access plugin. */
  denies: (access: Access) => boolean = () => false;
  readonly #guard: Server;
  readonly port: number;
  readonly #binary: string;
  readonly #server: ChildServer;

  private constructor(binary: string, server: ChildServer, port: number) {
    this.#binary = binary;
    this.#server = server;
    this.port = port;
    this.#guard = createServer((request, response) => {
      void text(request).then((question) => {
        // Its first question, at the start, is none.
        const { input } = JSON.parse(question || '{}') as { readonly input?: Access };
        response.end(JSON.stringify({ result: input === undefined || !this.denies(input) }));
      });
    });
    this.client = new S3Client({
      endpoint: this.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: this,
    });
  }

  static async start(): Promise<TestMinio> {
    const binary = await fromGo(release);
    const [port = 0] = await freePorts(1);
    const minio = new TestMinio(binary, await ChildServer.prepare('minio'), port);
    await minio.start();
    await minio.client.send(new CreateBucketCommand({ Bucket: TestMinio.bucket }));
    return minio;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What the plugin is configured with. */
  get options() {
    const { accessKeyId, secretAccessKey, endpoint } = this;
    return { bucket: TestMinio.bucket, endpoint, accessKeyId, secretAccessKey };
  }

  async start(): Promise<void> {
    if (!this.#guard.listening) await once(this.#guard.listen(0, '127.0.0.1'), 'listening');
    const guard = (this.#guard.address() as AddressInfo).port;
    const variables = [
      `MINIO_ROOT_USER=${this.accessKeyId}`,
      `MINIO_ROOT_PASSWORD=${this.secretAccessKey}`,
      `MINIO_POLICY_PLUGIN_URL=http://127.0.0.1:${guard}/`,
      'MINIO_BROWSER=off',
      'MINIO_UPDATE=off',
    ];
    const address = ['--address', `127.0.0.1:${this.port}`, '--quiet', 'data'];
    await this.#server.start('env', [...variables, this.#binary, 'server', ...address], async () => {
      const answer = await fetch(`${this.endpoint}/minio/health/ready`);
      if (!answer.ok) throw new Error(`it answers ${answer.status}`);
    });
  }

  /** Killed: what it has acknowledged must be there afterwards. */
  async stop(): Promise<void> {
    await this.#server.stop('SIGKILL');
  }

  async destroy(): Promise<void> {
    this.client.destroy();
    this.#guard.close();
    this.#guard.closeAllConnections();
    await this.#server.destroy();
  }

  /** Keys and sizes below a prefix, those of other folders too. */
  async list(prefix = ''): Promise<{ readonly key: string; readonly bytes: number }[]> {
    const found: { key: string; bytes: number }[] = [];
    for (let token: string | undefined; ; ) {
      const page = await this.client.send(
        new ListObjectsV2Command({
          Bucket: TestMinio.bucket,
          Prefix: prefix,
          ...(token && { ContinuationToken: token }),
        }),
      );
      for (const { Key = '', Size = 0 } of page.Contents ?? []) found.push({ key: Key, bytes: Size });
      token = page.NextContinuationToken;
      if (token === undefined) return found;
    }
  }

  async get(key: string): Promise<Buffer> {
    const { Body } = await this.client.send(new GetObjectCommand({ Bucket: TestMinio.bucket, Key: key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  async put(key: string, Body: Uint8Array): Promise<void> {
    await this.client.send(new PutObjectCommand({ Bucket: TestMinio.bucket, Key: key, Body }));
  }

  async upload(key: string, path: string): Promise<void> {
    await this.put(key, await readFile(path));
  }

  /** Copies all objects below a prefix into a folder, as a reader does that lists once. */
  async mirror(prefix: string, folder: string): Promise<void> {
    for (const { key } of await this.list(prefix)) {
      const path = join(folder, key);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, await this.get(key));
    }
  }
}
