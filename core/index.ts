/** The public surface: `hookline/plugin`. What a connector imports, and nothing else. */
export type { Attempts } from './attempts.js';
export { type ChartRow, chart, fromChartRow, type Row, toChartRow } from './chart.js';
export type {
  Batch,
  Compaction,
  Destination,
  QueryResult,
  Retired,
  TableName,
  TimeRange,
} from './destination.js';
export {
  ConfigError,
  FencedError,
  type Instruction,
  instructionOf,
  messageOf,
  OverloadedError,
  PermanentError,
  RetryableError,
  retiredError,
} from './errors.js';
export type { Halt, Halts } from './halts.js';
export { type Key, key, keys } from './keys.js';
export type { Logger } from './logger.js';
export type { Count, Labels, Level, Metrics } from './metrics.js';
export { bytes, duration, fileMode, formatBytes, path, secret } from './options.js';
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
export { pulled } from './pulled.js';
export type { HeldCounts, HeldDiscard, HeldFilter, Quarantine } from './quarantine.js';
export type { BatchReceipts, Receipt, ReceiptCounts, Receipts, ReceiptsSummary } from './receipts.js';
export { type SenderId, type Senders, senderId } from './sender.js';
export type { Expectation, NewestBatch, Origin, Serials } from './serials.js';
export {
  type ServerAddress,
  type ServerKind,
  type ServerOptions,
  serverAddress,
} from './server-address.js';
export { type Session, SessionPool, type SessionPoolParts } from './session-pool.js';
export * from './spool.js';
export { expectLowerCase } from './table-names.js';
export { isTlsCode, type Pem, pem, pemOf, readTls, type Tls, tls, tlsOf } from './tls.js';
export type { Token, TokenStore } from './token-store.js';
export { type ClockNote, TrustedClock, trustedClock } from './trusted-clock.js';
