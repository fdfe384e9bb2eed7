import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import express from 'express';
import pg from 'pg';

/** What people write by hand: an express handler that inserts into Postgres, and then answers. */
const pool = new pg.Pool({ connectionString: process.argv[2] });
await pool.query(
  'CREATE TABLE handwritten (id text PRIMARY KEY, received_at timestamptz NOT NULL DEFAULT now(), body jsonb NOT NULL)',
);

const app = express();
app.use(express.json({ limit: '10mb' }));
app.post('/', async (request, response) => {
  const id = randomUUID();
  await pool.query('INSERT INTO handwritten (id, body) VALUES ($1, $2)', [id, request.body]);
  response.json({ success: true, id });
});
const server = app.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
