import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type * as Sdk from '@aws-sdk/client-s3';
import type { Count } from 'hookline/plugin';
import { instructedFolder } from './errors.js';
import { footerLength, usualFooter } from './footer.js';
import { ownFolder } from './name.js';
import { type BucketOptions, S3, Unconditional, Unmet } from './s3.js';
import { Gone, type Store, type StoredFile } from './store.js';

/** Of one DeleteObjects. */
const mostKeys = 1000;

/** A lake in a bucket. An object appears at once, whole, and `If-None-Match: *` says that it does so once. */
export class BucketStore implements Store {
  readonly root: string;
  readonly #options: BucketOptions;
  readonly #s3: S3;
  /** What all keys begin with: nothing, or the prefix with a slash. */
  readonly #base: string;
  /** A folder of this machine, for drafts. */
  #scratch: Promise<string> | undefined;
  /** Until the store says that it knows no conditions. */
  #conditional = true;

  constructor(options: BucketOptions, requests: Count) {
    this.#options = options;
    this.#s3 = new S3(options, requests);
    this.#base = options.prefix === undefined ? '' : `${options.prefix}/`;
    this.root = `s3://${options.bucket}/${this.#base}`.replace(/\/$/, '');
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#s3.open();
    await this.#reach(`checking ${this.root}`, signal);
  }

  /**
   * That objects may be made is proven by a PUT that must fail: with the ETag of an object that is not there.
   * Who may not is answered 403 before that is looked at. So it is with reading.
   */
  async check(signal: AbortSignal): Promise<void> {
    const doing = `checking ${this.root}`;
    await this.#reach(doing, signal);
    const key = `${ownFolder}/check-${randomUUID()}`;
    await this.read(key, signal);
    try {
      await this.#put(doing, key, Buffer.alloc(0), { IfMatch: '"0"' }, signal);
    } catch (error) {
      if (error instanceof Unmet) return;
      if (!(error instanceof Unconditional)) throw error;
      await this.#put(doing, key, Buffer.alloc(0), {}, signal);
    }
    // A store that knows no conditions has made it.
    await this.remove([key], signal);
  }

  async checkFolder(): Promise<void> {
    // A folder is part of a key, and there is nothing that could stand in its way.
  }

  async makeFolder(): Promise<void> {
    // It comes with the first object in it.
  }

  async folders(folder: string, signal: AbortSignal): Promise<string[]> {
    const names: string[] = [];
    const input = { Prefix: `${this.#base}${folder}/`, Delimiter: '/' };
    for await (const page of this.#s3.pages(`listing ${folder}`, signal, input)) {
      for (const { Prefix } of page.CommonPrefixes ?? []) {
        if (Prefix !== undefined) names.push(Prefix.slice(input.Prefix.length, -1));
      }
    }
    return names;
  }

  async files(folder: string, signal: AbortSignal): Promise<StoredFile[]> {
    const files: StoredFile[] = [];
    const input = { Prefix: `${this.#base}${folder}/`, Delimiter: '/' };
    for await (const page of this.#s3.pages(`listing ${folder}`, signal, input))
      files.push(...this.#filesOf(page));
    return files;
  }

  async *all(folder: string, signal: AbortSignal): AsyncGenerator<StoredFile> {
    const input = { Prefix: `${this.#base}${folder}/` };
    for await (const page of this.#s3.pages(`listing ${folder}`, signal, input)) yield* this.#filesOf(page);
  }

  async has(key: string, signal: AbortSignal): Promise<boolean> {
    const found = await this.#s3.send(`looking at ${key}`, 'HeadObject', signal, this.#at(key)).catch(ifGone);
    return found !== undefined;
  }

  async read(key: string, signal: AbortSignal): Promise<Buffer | undefined> {
    const doing = `reading ${key}`;
    const found = await this.#s3.send(doing, 'GetObject', signal, this.#at(key)).catch(ifGone);
    if (found === undefined) return undefined;
    try {
      return Buffer.from((await found.Body?.transformToByteArray()) ?? []);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#s3.instructed(error, doing, 'GetObject');
    }
  }

  async local<T>(file: StoredFile, signal: AbortSignal, task: (path: string) => Promise<T>): Promise<T> {
    return await this.draft(async (path) => {
      await this.#fetch(file, path, 0, signal);
      return await task(path);
    });
  }

  async footer<T>(file: StoredFile, signal: AbortSignal, task: (path: string) => Promise<T>): Promise<T> {
    return await this.draft(async (path) => {
      const from = Math.max(0, file.bytes - usualFooter);
      await this.#fetch(file, path, from, signal);
      if (from > 0 && (await footerLength(path, file.bytes)) > usualFooter)
        await this.#fetch(file, path, 0, signal);
      return await task(path);
    });
  }

  async draft<T>(task: (path: string) => Promise<T>): Promise<T> {
    this.#scratch ??= mkdtemp(join(tmpdir(), 'hookline-parquet-'));
    const path = join(await this.#scratch, `${randomUUID()}.draft`);
    try {
      return await task(path);
    } finally {
      await rm(path, { force: true }).catch(() => {});
    }
  }

  async create(key: string, draft: string, signal: AbortSignal): Promise<boolean> {
    const doing = `making ${key}`;
    const body = await readFile(draft).catch((error: unknown) => {
      throw instructedFolder(error, doing);
    });
    try {
      await this.#put(doing, key, body, this.#conditional ? { IfNoneMatch: '*' } : {}, signal);
      return true;
    } catch (error) {
      if (error instanceof Unmet) return false;
      if (!(error instanceof Unconditional)) throw error;
      await this.#put(doing, key, body, {}, signal);
      // Only now is it sure what it does not know: it may be the encryption.
      this.#conditional = false;
      return true;
    }
  }

  async isExclusive(signal: AbortSignal): Promise<boolean> {
    const key = `${ownFolder}/conditions`;
    return await this.draft(async (path) => {
      await (await open(path, 'w')).close();
      await this.create(key, path, signal);
      return !(await this.create(key, path, signal));
    });
  }

  async remove(keys: readonly string[], signal: AbortSignal): Promise<void> {
    for (let from = 0; from < keys.length; from += mostKeys) {
      const some = keys.slice(from, from + mostKeys).map((key) => ({ Key: this.#base + key }));
      const doing = `removing ${some.length} files`;
      const input = { Delete: { Objects: some, Quiet: true } };
      const { Errors } = await this.#s3.send(doing, 'DeleteObjects', signal, input);
      const [fault] = Errors ?? [];
      if (fault === undefined) continue;
      const status = fault.Code === 'AccessDenied' ? 403 : 500;
      const error = Object.assign(new Error(), { name: fault.Code, $metadata: { httpStatusCode: status } });
      throw this.#s3.instructed(error, doing, 'DeleteObjects');
    }
  }

  async close(): Promise<void> {
    await this.#s3.close();
    const scratch = await this.#scratch?.catch(() => undefined);
    this.#scratch = undefined;
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  }

  async #reach(doing: string, signal: AbortSignal): Promise<void> {
    await this.#s3.send(doing, 'ListObjectsV2', signal, { Prefix: this.#base, MaxKeys: 1 });
  }

  #at(key: string): { readonly Key: string } {
    return { Key: this.#base + key };
  }

  #filesOf({ Contents }: Sdk.ListObjectsV2CommandOutput): StoredFile[] {
    return (Contents ?? []).flatMap(({ Key, Size }) =>
      Key === undefined || Key.endsWith('/') ? [] : [{ key: Key.slice(this.#base.length), bytes: Size ?? 0 }],
    );
  }

  /** @throws Unmet, when the condition does not hold; Unconditional, when the store knows no conditions */
  async #put(
    doing: string,
    key: string,
    body: Buffer,
    condition: object,
    signal: AbortSignal,
  ): Promise<void> {
    const { encryption, kmsKeyId } = this.#options;
    await this.#s3.send(doing, 'PutObject', signal, {
      ...this.#at(key),
      Body: body,
      ContentLength: body.length,
      ContentMD5: createHash('md5').update(body).digest('base64'),
      ContentType: key.endsWith('.parquet') ? 'application/vnd.apache.parquet' : 'application/json',
      ...(encryption !== undefined && { ServerSideEncryption: encryption }),
      ...(kmsKeyId !== undefined && { SSEKMSKeyId: kmsKeyId }),
      ...condition,
    });
  }

  async #fetch({ key, bytes }: StoredFile, path: string, from: number, signal: AbortSignal): Promise<void> {
    const doing = `reading ${key}`;
    const range = from === 0 ? {} : { Range: `bytes=${from}-` };
    const input = { ...this.#at(key), ...range };
    const { Body } = await this.#s3.send(doing, 'GetObject', signal, input);
    try {
      await (await open(path, 'w')).close();
      // What is left out in front is a hole in the file.
      await pipeline(Body as Readable, createWriteStream(path, { flags: 'r+', start: from }), { signal });
    } catch (error) {
      signal.throwIfAborted();
      const known = instructedFolder(error, doing);
      throw known === error ? this.#s3.instructed(error, `${doing} (${bytes} bytes)`, 'GetObject') : known;
    }
  }
}

function ifGone(error: unknown): undefined {
  if (!(error instanceof Gone)) throw error;
}
