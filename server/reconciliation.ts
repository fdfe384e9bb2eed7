import type { Reconciliation } from '../core/operations/reconciler.js';
import { counted } from './cli/output.js';

/** What is told of one destination. */
export interface Report {
  readonly pipeline: string;
  readonly destination: string;
  readonly table: string;
  /** Of the first and the last receipt that was compared. */
  readonly from?: string;
  readonly to?: string;
  readonly receipts: number;
  readonly missing: number;
  readonly missingRequests: readonly string[];
  /** What is missing was so on purpose: its receipts are gone. */
  readonly acknowledged: boolean;
  readonly doubled: number;
  readonly doubledRequests: Readonly<Record<string, number>>;
  readonly rowsWithoutReceipt: number;
  readonly waiting: number;
  readonly deadLetters: number;
  /** Of all pipelines: receipts that were thrown away before their time. */
  readonly receiptsThrownAway: number;
}

/** All parts of a comparison together. */
export class Sum {
  readonly #limit: number;
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;
  #missing = 0;
  #doubled = 0;
  #withoutReceipt = 0;
  readonly #missingRequests: string[] = [];
  readonly #doubledRequests = new Map<string, number>();
  receipts = 0;

  /** @param limit how many request ids are named of each kind */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add({ first, last, receipts, missing, doubled, withoutReceipt }: Reconciliation): void {
    this.#first = Math.min(this.#first, first);
    this.#last = Math.max(this.#last, last);
    this.receipts += receipts;
    this.#missing += missing.length;
    this.#doubled += doubled.size;
    this.#withoutReceipt += withoutReceipt;
    for (const id of missing) {
      if (this.#missingRequests.length < this.#limit) this.#missingRequests.push(id);
    }
    for (const [id, times] of doubled) {
      if (this.#doubledRequests.size < this.#limit) this.#doubledRequests.set(id, times);
    }
  }

  report() {
    return {
      ...(this.receipts > 0 && { from: timeOf(this.#first), to: timeOf(this.#last) }),
      receipts: this.receipts,
      missing: this.#missing,
      missingRequests: this.#missingRequests,
      doubled: this.#doubled,
      doubledRequests: Object.fromEntries(this.#doubledRequests),
      rowsWithoutReceipt: this.#withoutReceipt,
    };
  }
}

function timeOf(timestamp: number): string {
  return new Date(timestamp * 1000).toISOString();
}

export function* linesOf(report: Report): Generator<string> {
  const lane = `${report.pipeline}/${report.destination}`;
  const { table, receipts, missing, doubled, rowsWithoutReceipt, waiting, deadLetters } = report;
  if (receipts === 0) {
    yield `${lane}: there are no receipts to compare, of that time or of any that are kept`;
  } else {
    yield `${lane}: ${counted(receipts, 'receipt', 'receipts')} of requests from ${report.from} to ${report.to}, compared with table ${table}`;
    const verdict = report.acknowledged && missing > 0 ? ', which is acknowledged' : '';
    yield `  ${counted(missing, 'is', 'are')} missing: landed, and not there${verdict}`;
    for (const id of report.missingRequests) yield `    ${id}`;
    if (missing > report.missingRequests.length) yield '    …  (--limit names more)';
    yield `  ${counted(doubled, 'is', 'are')} doubled: there more than once`;
    for (const [id, times] of Object.entries(report.doubledRequests)) yield `    ${id} ${times} times`;
    if (doubled > Object.keys(report.doubledRequests).length) yield '    …  (--limit names more)';
    yield `  ${counted(rowsWithoutReceipt, 'row of that time has', 'rows of that time have')} no receipt: of others, from before, or on their way`;
  }
  yield `  ${counted(waiting, 'request waits', 'requests wait')}, ${counted(deadLetters, 'is a dead letter', 'are dead letters')}`;
  if (report.receiptsThrownAway > 0) {
    yield `  ${counted(report.receiptsThrownAway, 'receipt was', 'receipts were')} thrown away early, for want of room: raise the spool's maxSize`;
  }
}
