import type { DestinationPolicy, Pipeline } from '../core/contract/pipeline.js';
import type { Plugin, PluginKind } from '../core/contract/plugin.js';
import type { BodyLimits } from '../core/intake/body-budget.js';
import type { ForwardingHeader } from '../core/intake/client.js';
import type { DoorLimits } from '../core/intake/door.js';

/** One `{ type: …, … }` of the YAML, validated by its plugin. */
export interface PluginInstance<K extends PluginKind = PluginKind> {
  /** The destination's name; `spool` and `tokens` for those two. */
  readonly name: string;
  readonly plugin: Plugin<K>;
  /** The plugin's options, parsed by its schema; for `plugin.create`. */
  readonly options: unknown;
}

export interface DestinationInstance extends PluginInstance<'destination'> {
  readonly policy: DestinationPolicy;
}

/** A configuration without a fault. Paths are absolute, sizes bytes, durations milliseconds. */
export interface Config {
  /** The YAML file's absolute path. */
  readonly file: string;
  /** Its text as it was read: child processes parse this, not whatever the file has become. */
  readonly text: string;
  readonly server: {
    readonly webhooks: {
      readonly host: string;
      readonly port: number;
      readonly workers: number;
      /** Bytes, after decoding. */
      readonly maxBody: number;
      /** Milliseconds until a request's headers must be here. */
      readonly headerTimeout: number;
      /** Milliseconds until its body must be here as well. */
      readonly bodyTimeout: number;
      /** Milliseconds that an idle connection stays open. */
      readonly keepAlive: number;
      /** The URL that senders use, as behind a proxy; without a trailing slash. */
      readonly publicUrl?: string;
      /** As `rangesOf` reads each. */
      readonly trustedProxies: readonly string[];
      readonly clientHeader: ForwardingHeader;
      readonly bodies: BodyLimits;
      readonly limits: DoorLimits & { /** Open ones of one client address. */ readonly connections: number };
    };
    readonly admin: {
      readonly host: string;
      readonly port: number;
      readonly token?: string;
      /** Where one is minted, if there is no other; the CLI's socket is beside it. */
      readonly tokenFile: string;
    };
    /** How long SIGTERM may take, in milliseconds. */
    readonly grace: number;
  };
  readonly spool: PluginInstance<'spool'>;
  readonly tokens: PluginInstance<'token-store'>;
  /** What fails authentication is held for `keep` milliseconds. */
  readonly discards?: { readonly keep: number };
  /** What has landed leaves a receipt for `keep` milliseconds. */
  readonly receipts?: { readonly keep: number };
  readonly destinations: ReadonlyMap<string, DestinationInstance>;
  readonly pipelines: ReadonlyMap<string, Pipeline>;
}
