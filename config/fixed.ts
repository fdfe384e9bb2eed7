import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isSameInstance } from './differences.js';
import { readDocument } from './document.js';
import type { Path } from './path.js';
import type { Config } from './schema.js';
import { Source } from './source.js';
import { follow, pointOf } from './tree.js';

const hint = 'restart the server to change it, nothing that was answered is lost by that; or put it back';

/**
 * Refuses what a running server cannot take over: where it listens, and where its records lie.
 * @throws ConfigProblems that name each with its line
 */
export function assertChangeable(before: Config, after: Config): void {
  const source = new Source(after.file, dirname(after.file), after.text.replace(/^\uFEFF/, ''));
  const node = readDocument(source, process.env);
  const refuse = (path: Path, has: string) => {
    const { found, last } = node === undefined ? { last: undefined } : follow({ keyAt: 0, node }, path);
    const at = found === undefined ? (last?.keyAt ?? 0) : pointOf(found);
    source.report(at, path, `cannot be changed while the server runs${has}`, hint);
  };
  const { webhooks, admin } = before.server;
  for (const key of ['host', 'port', 'workers'] as const) {
    if (webhooks[key] === after.server.webhooks[key]) continue;
    refuse(['server', 'webhooks', key], `, which has ${webhooks[key]}`);
  }
  for (const key of ['host', 'port', 'tokenFile'] as const) {
    if (admin[key] === after.server.admin[key]) continue;
    refuse(['server', 'admin', key], `, which has ${admin[key]}`);
  }
  for (const key of spoolKeys(before, after)) refuse(['spool', key], '');
  source.assertSound();
}

/** Which options of the spool differ; its values are not shown, as any may be a secret of some plugin's. */
function spoolKeys(before: Config, after: Config): string[] {
  if (isSameInstance(before.spool, after.spool)) return [];
  if (before.spool.plugin !== after.spool.plugin) return ['type'];
  const [a, b] = [before.spool.options, after.spool.options] as Record<string, unknown>[];
  const keys = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  return [...keys].filter((key) => !isDeepStrictEqual(a?.[key], b?.[key]));
}
