/** The public surface: `hookline/plugin`. What a connector imports, and nothing else. */
export { type ChartRow, chart, type Row, toChartRow } from './chart.js';
export type { Batch, Destination, QueryResult, TableName } from './destination.js';
export {
  ConfigError,
  FencedError,
  type Instruction,
  instructionOf,
  messageOf,
  OverloadedError,
  PermanentError,
  RetryableError,
} from './errors.js';
export { type Key, key, keys } from './keys.js';
export type { Logger } from './logger.js';
export type { Count, Labels, Level, Metrics } from './metrics.js';
export { bytes, duration, formatBytes, path, secret } from './options.js';
export {
  contractVersion,
  type DestinationDefaults,
  definePlugin,
  type FlushDefaults,
  type Get,
  type Plugin,
  type PluginDefinition,
  type PluginInstances,
  type PluginKind,
} from './plugin.js';
export * from './spool.js';
export type { Token, TokenStore } from './token-store.js';
