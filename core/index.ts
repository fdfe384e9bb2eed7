/** The public surface: `hookline/plugin`. What a connector imports, and nothing else. */
export type { Attempts } from './contract/attempts.js';
export { type ChartRow, chart, fromChartRow, type Row, toChartRow } from './contract/chart.js';
export type {
  Batch,
  Compaction,
  Destination,
  QueryResult,
  Retired,
  TableName,
  TimeRange,
} from './contract/destination.js';
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
} from './contract/errors.js';
export type { Halt, Halts } from './contract/halts.js';
export { type Key, key, keys } from './contract/keys.js';
export type { Logger } from './contract/logger.js';
export type { Count, Labels, Level, Metrics } from './contract/metrics.js';
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
} from './contract/plugin.js';
export type { HeldCounts, HeldDiscard, HeldFilter, Quarantine } from './contract/quarantine.js';
export type {
  BatchReceipts,
  Receipt,
  ReceiptCounts,
  Receipts,
  ReceiptsSummary,
} from './contract/receipts.js';
export { type SenderId, type Senders, senderId } from './contract/sender.js';
export type { Expectation, NewestBatch, Origin, Serials } from './contract/serials.js';
export * from './contract/spool.js';
export type { Token, TokenStore } from './contract/token-store.js';
export { type ClockNote, TrustedClock, trustedClock } from './host/trusted-clock.js';
export { bytes, duration, fileMode, formatBytes, path, secret } from './kit/options.js';
export { pulled } from './kit/pulled.js';
export {
  type ServerAddress,
  type ServerKind,
  type ServerOptions,
  serverAddress,
} from './kit/server-address.js';
export { type Session, SessionPool, type SessionPoolParts } from './kit/session-pool.js';
export { expectLowerCase } from './kit/table-names.js';
export { isTlsCode, type Pem, pem, pemOf, readTls, type Tls, tls, tlsOf } from './kit/tls.js';
