import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Device } from '../../src/kernel/device.js';
import type { TreeTracker } from '../../src/tree-tracker.js';
import { Heirs } from './heirs.js';
import { statesOf, tracerOf } from './threads.js';
import { newImagesPath } from './vm.js';
import { waitFor, within } from './wait-for.js';

/** Three generations, one process each. */
export async function startFamily(): Promise<Heirs> {
  const heirs = await Heirs.start();
  await heirs.write(0, 0, 40);
  await heirs.fork(0, 1);
  await heirs.fork(1, 2);
  return heirs;
}

/** How to track a family from its first process on. */
export function treeOf(heirs: Heirs): { pids: number[]; isTree: true; images: string } {
  return { pids: [heirs.pid(0)], isTree: true, images: newImagesPath() };
}

/** Ends tracking, with all memory equal to the images and as it should be. */
export async function stopVerified(tracker: TreeTracker, heirs: Heirs): Promise<void> {
  const { verify } = await tracker.stop({ verify: true });
  expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
  await heirs.checkAll();
}

/** Nothing was swapped, and nobody is left standing. */
export async function expectUntouched(heirs: Heirs): Promise<void> {
  using device = Device.open();
  for (const pid of heirs.pids.values()) {
    expect(device.status(pid)).to.equal(undefined);
    expect(statesOf(pid)).to.not.include('t');
    expect(readFileSync(`/proc/${pid}/maps`, 'utf8')).to.not.match(/\/tracker \(deleted\)$/m);
  }
  await heirs.checkAll();
}

/** Traces a process until it goes out of scope. */
export async function trace(pid: number): Promise<AsyncDisposable> {
  const strace = spawn('strace', ['-qq', '-o', '/dev/null', '-p', String(pid)]);
  await waitFor('a tracer', () => tracerOf(pid) > 0);
  return {
    [Symbol.asyncDispose]: async () => {
      strace.kill();
      await within('the end of strace', once(strace, 'exit'));
    },
  };
}
