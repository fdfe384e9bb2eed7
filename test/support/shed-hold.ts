/** Makes an entry of a shed, and never ends. Arguments: the shed's folder, the entry's name. */
import { Shed } from './shed.js';

const [folder, name = ''] = process.argv.slice(2);
await new Shed(folder).get(name, async () => {
  console.log('making');
  await new Promise((resolve) => setTimeout(resolve, 2 ** 31 - 1));
});
