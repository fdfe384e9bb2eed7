import type { Row } from '../../core/index.js';

/**
 * Binary COPY, as messages of the wire protocol, ready for the socket.
 * https://www.postgresql.org/docs/current/sql-copy.html "Binary Format",
 * https://www.postgresql.org/docs/current/protocol-message-formats.html "CopyData"
 */
const signature = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const copyData = 0x64;
/** `d` and the length, which counts itself and not the `d`. */
const head = 5;
const fields = 4;
/** The count of fields, a length for each, and the float. */
const fixed = 2 + fields * 4 + 8;

/** The socket is fed in pieces of this size. */
const chunkSize = 128 * 1024;
/** A body of this size or more goes to the socket as it is; a smaller one is cheaper copied. */
const large = 32 * 1024;

/** The rows as `(request id, timestamp, key, body)` in pieces to be written one after the other. */
export function* copyRows(rows: readonly Row[]): Generator<Uint8Array, void, undefined> {
  let chunk = begin();
  let end = head + signature.copy(chunk, head);
  for (const row of rows) {
    const { body } = row;
    const copied = body.length < large;
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    const room = fixed + 3 * (row.requestId.length + row.key.length) + (copied ? body.length : 0);
    if (end + room + head > chunk.length) {
      yield seal(chunk, end);
      chunk = begin(room + 2 * head);
      end = head;
    }
    end = chunk.writeInt16BE(fields, end);
    end = text(chunk, row.requestId, end);
    end = chunk.writeInt32BE(8, end);
    end = chunk.writeDoubleBE(row.timestamp, end);
    end = text(chunk, row.key, end);
    end = chunk.writeInt32BE(body.length, end);
    if (copied) {
      chunk.set(body, end);
      end += body.length;
    } else {
      // The head of the body's own message rides along at the end of this chunk.
      chunk[end] = copyData;
      chunk.writeInt32BE(4 + body.length, end + 1);
      seal(chunk, end);
      yield chunk.subarray(0, end + head);
      yield body;
      chunk = begin();
      end = head;
    }
  }
  if (end + 2 > chunk.length) {
    yield seal(chunk, end);
    chunk = begin();
    end = head;
  }
  end = chunk.writeInt16BE(-1, end);
  yield seal(chunk, end);
}

function begin(atLeast = 0): Buffer {
  return Buffer.allocUnsafeSlow(Math.max(chunkSize, atLeast));
}

/** Writes the message's head in front; what it returns is the whole message. */
function seal(chunk: Buffer, end: number): Buffer {
  chunk[0] = copyData;
  chunk.writeInt32BE(end - 1, 1);
  return chunk.subarray(0, end);
}

function text(chunk: Buffer, value: string, at: number): number {
  const length = chunk.write(value, at + 4, 'utf8');
  chunk.writeInt32BE(length, at);
  return at + 4 + length;
}
