import type { Logger } from '../../../core/index.js';
import type { JournalFolder, SegmentFile, Segments } from './folder.js';
import type { Place, Tail } from './tail.js';

export type SpoolLogger = Pick<Logger, 'error' | 'warn'>;

/** How far each writer's journal is in LMDB, and whether nothing of it will ever follow. */
export type Places = Readonly<Record<string, Place & { readonly ended?: boolean }>>;

/** What becomes of the files whose records are in LMDB, and who is told of what could not be read in them. */
export class Retiring {
  readonly #folder: JournalFolder;
  readonly #logger: SpoolLogger;
  /** What was reported of each file that is not finished. */
  readonly #damaged = new Map<string, Set<string>>();

  constructor(folder: JournalFolder, logger: SpoolLogger) {
    this.#folder = folder;
    this.#logger = logger;
  }

  /** Reports damage and gives up what is in LMDB; a damaged file is kept under another name. */
  finish({ writer, place, ended, damages, broken }: Tail, segments: readonly SegmentFile[]): void {
    for (const { segment, path, what } of damages) {
      if (!this.#isNewDamage(`${writer}/${segment}`, what)) continue;
      this.#logger.error(
        {},
        `the journal ${path} is damaged: ${what}; what can be read is kept, ` +
          'requests that were answered may be lost: look after the disk',
      );
    }
    if (broken !== undefined) {
      this.#logger.warn(
        {},
        `the journal ${broken} ends with a group that is not whole: it was cut off as its process ended, before ` +
          'anyone was answered; if no process was killed and no power lost, look after the disk',
      );
    }
    for (const file of segments) {
      if (file.segment > place.segment || (file.segment === place.segment && !ended)) continue;
      if (this.#damaged.delete(`${writer}/${file.segment}`)) this.#folder.setAside(writer, file);
      else this.#folder.retire(writer, file);
    }
  }

  /** A file goes when its end was read, or, if nothing was ever in it, at its writer's will. */
  reportMissing(places: Places, segments: Segments): void {
    for (const [writer, { segment, frame, ended }] of Object.entries(places)) {
      if (segments.has(Number(writer)) || ended === true || frame === 1) continue;
      this.#logger.error(
        {},
        `the journal ${this.#folder.pathOf(Number(writer), segment)} is missing: it was read up to group ${frame - 1}, ` +
          'later requests that were answered may be lost: put the file back, or look after the disk',
      );
    }
  }

  /** A file that is read in several steps shows the same damage in each. */
  #isNewDamage(file: string, what: string): boolean {
    const known = this.#damaged.get(file) ?? new Set();
    if (known.has(what)) return false;
    this.#damaged.set(file, known.add(what));
    return true;
  }
}
