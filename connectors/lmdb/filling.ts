import type { LaneId } from '../../core/index.js';
import { fullPage, Page, tablesLength } from './page.js';

/** Pages of a writer's rows while they are filled; put only at the end, when nothing can fail any more. */
export class Filling {
  readonly #put: (lane: LaneId, first: number, page: Page) => void;
  readonly #open = new Map<LaneId, { first: number; length: number; entries: Uint8Array[] }>();
  readonly #full: (() => void)[] = [];

  constructor(put: (lane: LaneId, first: number, page: Page) => void) {
    this.#put = put;
  }

  /** @param sequence follows the lane's last one. @param entry is not changed until the end */
  add(lane: LaneId, sequence: number, entry: Uint8Array): void {
    let page = this.#open.get(lane);
    if (page === undefined) {
      page = { first: sequence, length: 0, entries: [] };
      this.#open.set(lane, page);
    } else if (page.length + entry.length + tablesLength(page.entries.length + 1) > fullPage) {
      this.#close(lane, page.first, page.entries);
      page.first = sequence;
      page.length = 0;
      page.entries = [];
    }
    page.entries.push(entry);
    page.length += entry.length;
  }

  /** Within a batch. */
  end(): void {
    for (const [lane, { first, entries }] of this.#open) this.#close(lane, first, entries);
    this.#open.clear();
    for (const put of this.#full) put();
  }

  #close(lane: LaneId, first: number, entries: readonly Uint8Array[]): void {
    const page = Page.of(entries);
    this.#full.push(() => this.#put(lane, first, page));
  }
}
