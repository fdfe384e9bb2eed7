import { createReadStream, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { FoundRow } from '../support/ack-log.js';
import { letterOf, signatureOf } from '../support/letter.js';
import type { Note, Orders } from '../support/sender.js';

/** What the checker must know of a sender, besides its log. */
export interface Known extends Pick<Orders, 'name' | 'seed' | 'poison'> {
  readonly key: string;
  /** Its token is good: whatever it was acked for lands. If not, nothing of it does. */
  readonly welcome: boolean;
}

export interface Verdict {
  /** Acked, and not in the warehouse. */
  readonly lost: number;
  /** In the warehouse more than once. */
  readonly doubled: number;
  /** With another body, timestamp or key than was sent and acked. */
  readonly altered: number;
  /** Behind a row that was accepted later on the same connection. */
  readonly reordered: number;
  /** Of a sender whose token is wrong, or of nobody. */
  readonly strange: number;
}

export const faultless: Verdict = { lost: 0, doubled: 0, altered: 0, reordered: 0, strange: 0 };

interface Told extends Note {
  readonly sender: Known;
}

/**
 * Holds a warehouse against the senders' logs; the server is not asked. The logs come first, then the rows in
 * the order of their arrival. Both may go on afterwards: what was settled is forgotten by `forget`.
 */
export class Judge {
  readonly #senders: ReadonlyMap<string, Known>;
  readonly #acked = new Map<string, Told>();
  readonly #unanswered = new Map<string, Told>();
  readonly #landed = new Set<string>();
  readonly #newest = new Map<string, number>();
  #counts: Record<keyof Verdict, number> = { ...faultless };
  /** How many acks were read. */
  acks = 0;

  constructor(senders: readonly Known[]) {
    this.#senders = new Map(senders.map((sender) => [sender.name, sender]));
  }

  told(name: string, note: Note): void {
    const sender = this.#senders.get(name);
    if (sender === undefined) throw new Error(`nobody knows the sender ${name}`);
    const told = { ...note, sender };
    if (note.id === undefined) {
      this.#unanswered.set(`${name}/${note.number}`, told);
      return;
    }
    this.acks++;
    if (this.#acked.has(note.id)) this.#counts.doubled++;
    this.#acked.set(note.id, told);
  }

  /** Whether a sender has told of it yet. */
  knows(row: FoundRow): boolean {
    return this.#toldOf(row) !== undefined;
  }

  found(row: FoundRow): void {
    const told = this.#toldOf(row);
    if (told === undefined || !told.sender.welcome) {
      this.#counts.strange++;
      return;
    }
    const { sender, number, id, at, connection } = told;
    const name = id ?? `${sender.name}/${number}`;
    if (this.#landed.has(name)) {
      this.#counts.doubled++;
      return;
    }
    this.#landed.add(name);
    const { body, poison } = letterOf(sender.seed, sender.name, number, sender.poison);
    const isTrue = row.key === sender.key && body.equals(row.body);
    if (!isTrue || (at !== undefined && !Object.is(row.timestamp, at))) this.#counts.altered++;
    // What was refused first lands when somebody replays it.
    if (poison || id === undefined) return;
    if (number < (this.#newest.get(connection) ?? 0)) this.#counts.reordered++;
    else this.#newest.set(connection, number);
  }

  #toldOf({ requestId, body }: FoundRow): Told | undefined {
    const acked = this.#acked.get(requestId);
    if (acked !== undefined) return acked;
    const signature = signatureOf(body);
    return signature && this.#unanswered.get(`${signature.sender}/${signature.number}`);
  }

  /** Acked by now and not found yet, of senders with a good token. */
  missing(): string[] {
    return [...this.#acked.entries()]
      .filter(([id, { sender }]) => sender.welcome && !this.#landed.has(id))
      .map(([id]) => id);
  }

  verdict(): Verdict {
    return { ...this.#counts, lost: this.missing().length };
  }

  /**
   * Forgets what has been found, so that memory stays bounded; it may not come again. A request without an
   * answer may come yet and stays, unless it did.
   */
  forget(): void {
    for (const id of this.#landed) {
      this.#acked.delete(id);
      this.#unanswered.delete(id);
    }
    for (const [id, { sender }] of this.#acked) if (!sender.welcome) this.#acked.delete(id);
    this.#landed.clear();
  }
}

/** The files of the senders' logs that are finished, in the order in which each sender wrote them. */
export function finishedLogs(folder: string): { readonly sender: string; readonly file: string }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ndjson'))
    .sort()
    .map((file) => ({ sender: file.slice(0, file.lastIndexOf('-')), file: join(folder, file) }));
}

/** How many acks the senders have noted so far, in files that are finished and others. */
export async function acksIn(folder: string): Promise<number> {
  const files = readdirSync(folder).filter((file) => /\.(part|ndjson)$/.test(file));
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'latin1')));
  return texts.reduce((sum, text) => sum + (text.match(/"id":/g)?.length ?? 0), 0);
}

export async function* notesOf(file: string): AsyncGenerator<Note> {
  for await (const line of createInterface({ input: createReadStream(file) })) yield JSON.parse(line) as Note;
}
