import cluster from 'node:cluster';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The ceiling: `node:http` reads the body and answers as many bytes as Hookline does, and does nothing else;
 * in as many workers as it is told, which share the port as Hookline's do.
 */
const reply =
  '{"success": true, "data": {"__kdd_request_id": "rydjemeilmsqkqvjtfkc", "__kdd_request_unix_timestamp": 1577015690.3118637}}';

if (cluster.isPrimary) {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const workers = Number(process.argv[2] ?? 1);
  const ports = Array.from(
    { length: workers },
    () =>
      new Promise<number>((resolve) => {
        cluster.fork().on('listening', ({ port }) => resolve(port));
      }),
  );
  const [port] = await Promise.all(ports);
  process.send?.(port);
  process.on('disconnect', () => process.exit());
} else {
  const server = createServer({ noDelay: true }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': reply.length });
      response.end(reply);
    });
  });
  server.listen(0, '127.0.0.1', () => (server.address() as AddressInfo).port);
  process.on('disconnect', () => process.exit());
}
