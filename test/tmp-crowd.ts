import { Crowd } from './support/crowd.js';
const crowd = await Crowd.start({ maxProcesses: 30, fanOut: 6, mappings: 2, pages: 8, segmentPages: 64 });
await crowd.fork(20);
await crowd.put(7); await crowd.leave(1); await crowd.put(5); await crowd.leave(2);
console.log((await crowd.pids()).slice(0, 5).map((pid) => pid > 0));
await crowd.write(21, 2); await crowd.read(); await crowd.check(); await crowd.end(3); await crowd.check();
console.log('ok');
crowd[Symbol.dispose]();
