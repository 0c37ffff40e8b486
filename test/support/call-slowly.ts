import { closeSync, openSync, readSync } from 'node:fs';
import { findWayBack } from '../../src/dump/process/way-back.js';
import { native } from '../../src/native.js';
import { Frozen } from '../../src/proc/freeze.js';
import { readSmaps } from '../../src/proc/smaps.js';

/* call-slowly PID: has its first thread wait for ten seconds, by its own code. */
const pid = Number(process.argv[2]);
const sysPoll = 7n;
const waitMs = 10_000n;

const memory = openSync(`/proc/${pid}/mem`, 'r');
const wayBack = findWayBack(await readSmaps(pid), (address, length) => {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(memory, bytes, 0, length, address));
});
closeSync(memory);
if (wayBack.length === 0) throw new Error(`pid ${pid} has no C library`);
using frozen = new Frozen(pid);
process.stdout.write('ready\n');
const calls = BigUint64Array.of(sysPoll, 0n, 0n, waitMs, 0n, 0n, 0n);
native.targetCalls(frozen.handle, pid, pid, 0, 0, 0, calls, wayBack);
