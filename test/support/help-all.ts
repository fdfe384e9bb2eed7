/**
 * Asks each command of `hookline` for its help, as the command line would, one after the other in this process: each
 * in one of its own would load the same again. Argument: the commands, as JSON; prints a `Help` for each, as JSON.
 */
import type { Help } from './helps.js';

const commands = JSON.parse(process.argv[2] ?? '') as readonly string[];
const main = new URL('../../server/main.js', import.meta.url);
const write = process.stdout.write.bind(process.stdout);
const helps: Help[] = [];
for (const [at, command] of commands.entries()) {
  let stdout = '';
  process.stdout.write = (chunk: string | Uint8Array) => {
    stdout += chunk;
    return true;
  };
  process.argv = [process.execPath, main.pathname, ...command.split(' '), '--help'];
  process.exitCode = undefined;
  // Another one each time, so that it runs again.
  await import(`${main.href}?${at}`);
  helps.push({ command, code: Number(process.exitCode ?? 0), stdout });
}
process.stdout.write = write;
process.exitCode = 0;
process.stdout.write(JSON.stringify(helps));
