import type { Pipeline } from '../core/contract/pipeline.js';
import type { Destinations } from './destinations.js';
import type { Path } from './path.js';
import { pipelineSchema } from './sections.js';
import { readSignature } from './signatures.js';
import type { Source } from './source.js';
import { TableNames } from './table-names.js';
import { type Entry, isNothing, pointOf } from './tree.js';
import { validate } from './validate.js';
import { didYouMean, known } from './wording.js';

export function readPipelines(
  source: Source,
  entry: Entry | undefined,
  destinations: Destinations,
): ReadonlyMap<string, Pipeline> {
  const pipelines = new Map<string, Pipeline>();
  if (entry === undefined || isNothing(entry.node)) return pipelines;
  const { node } = entry;
  if (node.kind !== 'mapping') {
    const broken = node.kind === 'scalar' && node.broken;
    const hint = 'write `835212: { destination: warehouse, table: orders }`';
    if (!broken) source.report(pointOf(entry), ['pipelines'], 'expected a mapping of pipelines by id', hint);
    return pipelines;
  }
  const seen = new Map<string, Entry>();
  const tables = new TableNames(source, destinations);
  for (const [id, pipeline] of node.entries) {
    const path = ['pipelines', id];
    const meant = checkId(source, id, pipeline, path);
    const first = meant === undefined ? undefined : seen.get(meant);
    if (first !== undefined) {
      const { line } = source.position(first.keyAt);
      source.report(
        pipeline.keyAt,
        path,
        'duplicate pipeline',
        `the same number is in line ${line}; keep one`,
      );
    }
    if (meant !== undefined && first === undefined) seen.set(meant, pipeline);
    checkDestinations(source, pipeline, path, destinations);
    const { rest, signed } = apart(pipeline);
    const signature = signed && readSignature(source, signed, [...path, 'signature']);
    const options = validate(pipelineSchema, { source, entry: rest, path });
    if (options === undefined) continue;
    const { name, destination, table, paused, limit } = options.value;
    const names = typeof destination === 'string' ? [destination] : destination;
    tables.add(table, names, pipeline, path);
    pipelines.set(id, {
      id,
      name: name ?? table,
      destinations: names,
      table,
      paused,
      ...(limit && { limit }),
      ...(signature && { signature }),
    });
  }
  return pipelines;
}

/** The signature is validated by itself, so that its secrets are in no message about the rest. */
function apart(pipeline: Entry): { readonly rest: Entry; readonly signed?: Entry | undefined } {
  const { node } = pipeline;
  if (node.kind !== 'mapping') return { rest: pipeline };
  const others = new Map([...node.entries].filter(([key]) => key !== 'signature'));
  return {
    rest: { ...pipeline, node: { ...node, entries: others } },
    signed: node.entries.get('signature'),
  };
}

/** Reports an id that is not in canonical form; returns the one that it stands for, if any. */
function checkId(source: Source, id: string, { keyAt }: Entry, path: Path): string | undefined {
  if (/^[1-9][0-9]*$/.test(id) && Number.isSafeInteger(Number(id))) return id;
  const number = /^[-+0-9]/.test(id) ? Number(id) : Number.NaN;
  const meant = Number.isSafeInteger(number) && number > 0 ? String(number) : undefined;
  const hint = meant === undefined ? 'use a whole number from 1 to 9007199254740991' : `write \`${meant}\``;
  source.report(keyAt, path, 'not a pipeline id in plain decimal digits', hint);
  return meant;
}

/** Also where another option of the pipeline is wrong. */
function checkDestinations(
  source: Source,
  pipeline: Entry,
  path: Path,
  { declared, readable }: Destinations,
): void {
  const entry = pipeline.node.kind === 'mapping' ? pipeline.node.entries.get('destination') : undefined;
  if (entry === undefined) return;
  const items = entry.node.kind === 'list' ? entry.node.entries : [entry];
  const names = new Set<string>();
  for (const [index, { node }] of items.entries()) {
    if (node.kind !== 'scalar' || node.broken || typeof node.value !== 'string' || node.value === '')
      continue;
    const at = [...path, 'destination', ...(entry.node.kind === 'list' ? [index] : [])];
    const shown =
      node.references.length === 0 ? `\`${node.value}\`` : `of the name in ${node.references.join(', ')}`;
    if (names.has(node.value)) {
      source.report(node.at, at, `the destination ${shown} is here twice`, 'keep one');
    } else if (readable && !declared.includes(node.value)) {
      const meant = node.references.length === 0 ? didYouMean(node.value, declared) : undefined;
      source.report(
        node.at,
        at,
        `there is no destination ${shown}`,
        meant ?? known(declared, 'describe it under `destinations`'),
      );
    }
    names.add(node.value);
  }
}
