/**
 * Opens an LMDB environment, commits to it and closes it, again and again; prints each commit that it does not
 * find again. Arguments: path, milliseconds.
 */
import { Environment } from '../../connectors/lmdb/environment.js';

const [path = '', milliseconds = '0'] = process.argv.slice(2);
const key = Buffer.from(`process ${process.pid}`);
const until = Date.now() + Number(milliseconds);
let times = 0;
while (Date.now() < until) {
  const { environment, db } = await Environment.open('spool', path, 2 ** 30, (opened) => ({
    environment: opened,
    db: opened.db<number>('numbers', undefined, true),
  }));
  times++;
  await environment.transact(() => void db.put(key, times, times));
  environment.refresh();
  if (db.get(key) !== times) process.stdout.write(`lost ${times}\n`);
  await environment.close();
}
process.stdout.write(`opened ${times}\n`);
