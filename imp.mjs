import { performance } from 'node:perf_hooks';
const root='/tmp/wt/p/dist/';
let b=performance.now();
const step=async(n,f)=>{const s=performance.now(); await f(); console.log(n.padEnd(28),(performance.now()-s).toFixed(0));};
console.log('boot', b.toFixed(0));
for (const m of process.argv.slice(2)) await step(m, ()=>import(m.startsWith('.')||m.includes('.js')?root+m:m));
console.log('total', performance.now().toFixed(0));
