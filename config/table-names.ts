import type { Destinations } from './destinations.js';
import type { Path } from './path.js';
import type { DestinationInstance } from './schema.js';
import type { Source } from './source.js';
import { type Entry, pointOf } from './tree.js';

/** What a destination calls its ledger that has no option for it. */
const usualLedger = '__hookline_batches';

interface Name {
  readonly table: string;
  /** Where the YAML has it. */
  readonly at: number;
}

/**
 * The names of tables in each destination. Two pipelines may share a table, under the same name; under two
 * names that the warehouse takes for one they would share it without anybody's knowing. Nobody may have the ledger's.
 */
export class TableNames {
  readonly #source: Source;
  readonly #destinations: Destinations;
  /** By the destination, and by what the warehouse makes of the name. */
  readonly #names = new Map<string, Map<string, Name>>();

  constructor(source: Source, destinations: Destinations) {
    this.#source = source;
    this.#destinations = destinations;
  }

  /** Reports a name that is another one's table. */
  add(table: string, destinations: readonly string[], pipeline: Entry, path: Path): void {
    const entry = pipeline.node.kind === 'mapping' ? pipeline.node.entries.get('table') : undefined;
    if (entry === undefined) return;
    const at = pointOf(entry);
    for (const destination of destinations) {
      const instance = this.#destinations.sound.get(destination);
      const fold = instance?.plugin.foldTable;
      if (instance !== undefined && isLedger(table, instance)) {
        const message = `the table in which \`${destination}\` notes the batches that have landed`;
        this.#source.report(at, [...path, 'table'], message, 'choose another name');
        return;
      }
      if (fold === undefined) continue;
      const names = this.#names.get(destination) ?? new Map<string, Name>();
      this.#names.set(destination, names);
      const first = names.get(fold(table));
      if (first === undefined) names.set(fold(table), { table, at });
      else if (first.table !== table) {
        const { line } = this.#source.position(first.at);
        const message = `the same table as in line ${line}, written otherwise: \`${destination}\` takes both for one`;
        this.#source.report(at, [...path, 'table'], message, 'write both alike, or choose another name');
        return;
      }
    }
  }
}

function isLedger(table: string, { plugin, options }: DestinationInstance): boolean {
  const { foldTable: fold = (name: string) => name } = plugin;
  const chosen = options instanceof Object && 'ledger' in options ? options.ledger : undefined;
  return fold(table) === fold(typeof chosen === 'string' ? chosen : usualLedger);
}
