import { serverAddress } from 'hookline/plugin';
import { z } from 'zod';

const server = serverAddress({
  example: 'mysql://user:password@host:3306/database',
  protocols: ['mysql', 'mariadb'],
  port: 3306,
  required: ['user', 'database'],
});

export const config = z
  .object({
    ...server.options,
    ledger: z.string().default('__hookline_batches').describe('The table of landed batches'),
  })
  .superRefine(server.complete);

export type MysqlOptions = z.output<typeof config>;

export const { addressOf } = server;
