import { createServer } from 'node:net';

/**
 * A program: a server for attackers to attack when nobody else is. It answers each whole request, and holds what is
 * none, at as little cost as Node can. Prints its port.
 */
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';

const server = createServer((socket) => {
  let text = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    // Of a body that goes on for ever its length is all that counts.
    text = (text + chunk.toString('latin1')).slice(0, 200_000);
    for (;;) {
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/content-length: *(\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
      if (text.length < end + 4 + length) return;
      text = text.slice(end + 4 + length);
      socket.write(answer);
    }
  });
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as { port: number }).port));
