import type { SectionChange } from '../config/differences.js';
import type { ReloadReport } from './reload.js';

/** What a reload did, for people: one line for each thing that they may want to know. */
export function reloadLines(report: ReloadReport): string[] {
  const { file, tokens, server, orphans, unfinished, troubled, looked } = report;
  const changes = [
    ...sectionLines('pipelines', report.pipelines),
    ...sectionLines('destinations', report.destinations),
    ...(tokens ? ['the token store is another, or reached in another way'] : []),
    ...(server ? ['the server section is another'] : []),
  ];
  const kept = orphans.map(
    ({ pipeline, destination, records }) =>
      `pipeline ${pipeline} does not lead to ${destination} any more, and ${waiting(records)} there, ` +
      'kept: put it back to land what waits',
  );
  return [
    changes.length === 0 ? `${file} says what was in force already` : `${file} is in force`,
    ...changes,
    ...kept,
    ...(unfinished ? ['a write that had begun is finished by the settings from before'] : []),
    ...troubled.map(
      ({ pipeline, destination, state, error }) =>
        `pipeline ${pipeline} to ${destination} is ${state}: ${error}`,
    ),
    ...(looked ? [] : ['not every destination has answered yet: see hookline pipelines']),
  ];
}

function sectionLines(section: string, { added, changed, removed }: SectionChange): string[] {
  const words = Object.entries({ added, changed, removed })
    .filter(([, names]) => names.length > 0)
    .map(([word, names]) => `${word} ${names.join(', ')}`);
  return words.length === 0 ? [] : [`${section}: ${words.join('; ')}`];
}

function waiting(records: number): string {
  return records === 1 ? '1 record waits' : `${records} records wait`;
}
