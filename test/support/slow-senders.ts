import { connect, type Socket } from 'node:net';

/**
 * A program: senders that hold as many connections as they can for as long as they can. A third of them sends a
 * header's lines second by second, a third a body's bytes, and a third asks again and again and reads no answer. A
 * connection that is ended is opened anew. The lines `on PORT` and `off` on its input begin and end it.
 */
const [count = '0', target = '/'] = process.argv.slice(2);

const head = `POST ${target} HTTP/1.1\r\nHost: localhost\r\n`;
const whole = `${head}Content-Length: 2\r\n\r\n{}`;
const begins = [head, `${head}Content-Length: 100000\r\n\r\n"`, whole.repeat(20)];
const goesOn = ['X-Slow: 1\r\n', 'x', whole.repeat(20)];

const sockets = new Set<Socket>();
let port: number | undefined;

function open(kind: number): void {
  if (port === undefined) return;
  const socket = connect(port, '127.0.0.1');
  sockets.add(socket);
  if (kind === 2) socket.pause();
  else socket.resume();
  socket.on('error', () => undefined);
  socket.once('connect', () => socket.write(begins[kind] as string));
  const timer = setInterval(() => {
    if (socket.writable && !socket.writableNeedDrain) socket.write(goesOn[kind] as string);
  }, 1000);
  socket.once('close', () => {
    clearInterval(timer);
    sockets.delete(socket);
    setTimeout(() => open(kind), 500);
  });
}

process.stdin.setEncoding('utf8').on('data', (text: string) => {
  const [word, number] = text.trim().split(' ');
  port = word === 'on' ? Number(number) : undefined;
  if (port !== undefined) for (let n = 0; n < Number(count); n++) open(n % 3);
  else for (const socket of sockets) socket.destroy();
});
process.stdin.on('end', () => process.exit(0));
