import type { Duplex } from 'node:stream';
import type pg from 'pg';
import type { Row } from '../../core/index.js';
import { copyRows } from './copy-rows.js';

/** What of `pg.Connection` a copy uses. */
interface Wire {
  readonly stream: Duplex;
  query(text: string): void;
  endCopyFrom(): void;
}

/** Sends rows by `COPY … FROM STDIN (FORMAT binary)`; resolves when the server has taken them all. */
export async function copyInto(client: pg.Client, statement: string, rows: readonly Row[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.query(new Copy(statement, rows, (error) => (error === undefined ? resolve() : reject(error))));
  });
}

/** What `pg.Client.query` takes besides SQL: it calls the handle methods as the server's messages come. */
class Copy implements pg.Submittable {
  readonly #statement: string;
  readonly #pieces: Iterator<Uint8Array, void>;
  readonly #done: (error?: Error) => void;
  #wire: Wire | undefined;
  #ended = false;

  constructor(statement: string, rows: readonly Row[], done: (error?: Error) => void) {
    this.#statement = statement;
    this.#pieces = copyRows(rows);
    this.#done = done;
  }

  submit(connection: pg.Connection): void {
    this.#wire = connection as unknown as Wire;
    this.#wire.query(this.#statement);
  }

  handleCopyInResponse(): void {
    this.#send();
  }

  /** The server refused, or the connection is gone; nothing more may be sent. */
  handleError(error: Error): void {
    this.#end();
    this.#done(error);
  }

  handleReadyForQuery(): void {
    this.#end();
    this.#done();
  }

  handleCommandComplete(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handlePortalSuspended(): void {}
  handleEmptyQuery(): void {}
  handleCopyData(): void {}

  /** Feeds the socket until it is full; goes on when it has drained. */
  readonly #send = (): void => {
    const wire = this.#wire;
    if (wire === undefined) return;
    try {
      while (!this.#ended) {
        const piece = this.#pieces.next();
        if (piece.done) {
          wire.endCopyFrom();
          return;
        }
        if (!wire.stream.write(piece.value)) {
          wire.stream.once('drain', this.#send);
          return;
        }
      }
    } catch (error) {
      // A row that cannot be encoded is a bug; without the socket the server rolls back.
      wire.stream.destroy(error as Error);
    }
  };

  #end(): void {
    this.#ended = true;
    this.#wire?.stream.off('drain', this.#send);
  }
}
