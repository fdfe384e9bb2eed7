import { pino } from 'pino';
import type { Logger } from '../core/contract/logger.js';
import { mask } from '../core/host/mask.js';
import { visibleJson } from './cli/visible.js';

/** Readable lines on a terminal, JSON lines when piped; `LOG_LEVEL` sets how much. */
export async function createLogger(role: string): Promise<Logger> {
  const options = {
    level: process.env['LOG_LEVEL'] ?? 'info',
    base: { role },
    // The cause of an error is a part of the message; its other fields may hold a URL with a password.
    serializers: { err: (error: unknown) => (error instanceof Error ? { stack: error.stack } : error) },
    // A plugin, or the error of a driver, may say anything.
    hooks: { streamWrite: mask },
  };
  if (!process.stdout.isTTY) {
    const plain: Logger = pino(options, unfailing(pino.destination({ fd: 1, sync: true })));
    return plain;
  }
  const { build } = await import('pino-pretty');
  const readable: Logger = pino(
    { ...options, hooks: { streamWrite: (line: string) => visibleJson(mask(line)) } },
    build({
      sync: true,
      ignore: 'role,pid,hostname',
      translateTime: 'SYS:HH:MM:ss.l',
      messageFormat: (log, key) => `${String(log['role']).padEnd(5)} ${String(log[key])}`,
    }),
  );
  return readable;
}

/** A log that cannot be written, as on a full disk, must not end the process that logs. */
function unfailing(stream: { write(line: string): unknown }): { write(line: string): void } {
  return {
    write: (line) => {
      try {
        stream.write(line);
      } catch {
        // Nothing is left to tell it to.
      }
    },
  };
}
