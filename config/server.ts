import { BlockList, isIP } from 'node:net';
import { join, resolve } from 'node:path';
import type { Config } from './schema.js';
import { adminSchema, serverSchema, storeDefaults, webhooksSchema } from './sections.js';
import type { Source } from './source.js';
import { type Entry, isNothing, type MappingNode } from './tree.js';
import { validate } from './validate.js';

/** @param spool its section, whose folder the admin token is in */
export function readServer(
  source: Source,
  section: Entry | undefined,
  spool: Entry | undefined,
): Config['server'] | undefined {
  const server = filled(section, 0);
  const entries = server.node.kind === 'mapping' ? server.node.entries : new Map<string, Entry>();
  const webhooks = filled(entries.get('webhooks'), server.keyAt);
  const admin = filled(entries.get('admin'), server.keyAt);
  checkToken(source, admin);
  checkPorts(source, webhooks, admin);
  const rest = validate(serverSchema, { source, entry: server, path: ['server'] });
  const hooks = validate(webhooksSchema, { source, entry: webhooks, path: ['server', 'webhooks'] });
  const desk = validate(adminSchema, { source, entry: admin, path: ['server', 'admin'] });
  if (rest === undefined || hooks === undefined || desk === undefined) return undefined;
  const { publicUrl, ...listener } = hooks.value;
  const { token, tokenFile = join(stateFolder(source, spool), 'admin-token'), ...adminListener } = desk.value;
  return {
    webhooks: { ...listener, ...(publicUrl !== undefined && { publicUrl }) },
    admin: { ...adminListener, ...(token !== undefined && { token }), tokenFile },
    grace: rest.value.grace,
  };
}

/** The folder of an embedded spool; with another one, which may have none, that of an embedded one's neighbours. */
function stateFolder({ folder }: Source, spool: Entry | undefined): string {
  const { type, path } = storeDefaults.spool;
  const said = spool === undefined || isNothing(spool.node) ? undefined : spool;
  if (said !== undefined && scalarAt(said, 'type') !== type) return resolve(folder, path, '..');
  return resolve(folder, String((said && scalarAt(said, 'path')) ?? path));
}

/** A section that is absent, or has all of its lines commented out, says nothing against the defaults. */
function filled(section: Entry | undefined, keyAt: number): Entry {
  if (section !== undefined && !isNothing(section.node)) return section;
  const node: MappingNode = { kind: 'mapping', at: section?.keyAt ?? keyAt, entries: new Map() };
  return { keyAt: section?.keyAt ?? keyAt, node };
}

function checkToken(source: Source, admin: Entry): void {
  const host = scalarAt(admin, 'host');
  if (typeof host !== 'string' || host === '' || isLoopback(host)) return;
  if (admin.node.kind === 'mapping' && admin.node.entries.has('token')) return;
  const hint = 'give it a token, or listen on 127.0.0.1';
  const what = 'missing: whoever reaches this host could read your data';
  source.report(admin.keyAt, ['server', 'admin', 'token'], what, hint);
}

function checkPorts(source: Source, webhooks: Entry, admin: Entry): void {
  const port = Number(scalarAt(admin, 'port') ?? 8081);
  if (!(port > 0 && port <= 65_535) || port !== Number(scalarAt(webhooks, 'port') ?? 8080)) return;
  const hosts = [webhooks, admin].map((listener) => String(scalarAt(listener, 'host') ?? '127.0.0.1'));
  const [one = '', other = ''] = hosts.map((host) =>
    host === 'localhost' ? '127.0.0.1' : host.toLowerCase(),
  );
  if (one !== other && ![one, other].some((host) => host === '0.0.0.0' || host === '::')) return;
  const at = admin.node.kind === 'mapping' ? admin.node.entries.get('port')?.node.at : undefined;
  const what = 'webhooks and admin cannot listen on the same port of one host';
  source.report(at ?? webhooks.keyAt, ['server', 'admin', 'port'], what, 'give one of them another port');
}

function scalarAt({ node }: Entry, key: string): unknown {
  const value = node.kind === 'mapping' ? node.entries.get(key)?.node : undefined;
  if (value === undefined) return undefined;
  return value.kind === 'scalar' && !value.broken ? value.value : Number.NaN;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === 'localhost';
  return loopback.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
