import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A program: opens connections on which each posts once, and then as told: `idle` says no more, `busy` posts on and
 * on. It prints a line of JSON when all are open, and one with the counts once its input has ended and each busy one
 * was answered three times, or after a minute.
 */
const [port = '0', count = '0', mode = 'idle', target = '/'] = process.argv.slice(2);

const body = '{"from":"many"}';
const message = `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const tally = { open: 0, answered: 0, refused: 0, lost: 0 };
const ids = new Set<string>();
/** How often each of those that are open was answered. */
const answers = new Map<Socket, number>();
const least = mode === 'busy' ? 3 : 1;
let ending = false;

function open(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => undefined);
    answers.set(socket, 0);
    socket.once('close', () => {
      answers.delete(socket);
      if (!ending) tally.lost++;
      resolve();
    });
    socket.once('connect', () => socket.write(message));
    let unread = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      unread += text;
      const end = unread.indexOf('}}');
      if (end < 0) return;
      note(unread.slice(0, end));
      answers.set(socket, (answers.get(socket) ?? 0) + 1);
      unread = unread.slice(end + 2);
      resolve();
      if (mode === 'busy' && !ending) again(socket);
    });
  });
}

function again(socket: Socket): void {
  setTimeout(() => socket.writable && !ending && socket.write(message), 50 + Math.random() * 200);
}

function note(answer: string): void {
  const [, id] = /"__kdd_request_id": "([a-z]{20})"/.exec(answer) ?? [];
  if (!answer.startsWith('HTTP/1.1 200') || id === undefined) tally.refused++;
  else {
    tally.answered++;
    ids.add(id);
  }
}

for (let opened = 0; opened < Number(count); opened += 100) {
  await Promise.all(Array.from({ length: Math.min(100, Number(count) - opened) }, open));
  tally.open = opened + 100;
}
console.log(JSON.stringify(tally));
process.stdin.resume().on('end', async () => {
  for (let waits = 0; waits < 600 && Math.min(...answers.values()) < least; waits++) await sleep(100);
  ending = true;
  setTimeout(() => {
    console.log(JSON.stringify({ ...tally, ids: ids.size }));
    process.exit(0);
  }, 500);
});
