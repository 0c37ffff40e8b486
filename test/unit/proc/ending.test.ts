import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { hasEnded, isRunning } from '../../../src/proc/ending.js';
import { killProcess } from '../../../src/proc/kill-process.js';
import { readStat } from '../../../src/proc/stat.js';

async function startSleep(): Promise<ChildProcess & { pid: number }> {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  await once(child, 'spawn');
  return child as ChildProcess & { pid: number };
}

describe('hasEnded', () => {
  it('says no of a process that is not on its way out', async () => {
    const child = await startSleep();
    expect(await hasEnded(child.pid)).to.equal(false);
    child.kill('SIGSTOP');
    expect(await hasEnded(child.pid)).to.equal(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  it('waits for one that has been killed', async () => {
    const child = await startSleep();
    child.kill('SIGKILL');
    expect(await hasEnded(child.pid)).to.equal(true);
    expect(await hasEnded(child.pid), 'when it is gone, too').to.equal(true);
  });
});

describe('isRunning', () => {
  it('tells a zombie from a process whose first thread has exited', () => {
    const stat = readStat(process.pid);
    expect(isRunning(stat)).to.equal(true);
    expect(isRunning({ ...stat, state: 'Z', nrThreads: 1 })).to.equal(false);
    expect(isRunning({ ...stat, state: 'Z', nrThreads: 2 })).to.equal(true);
  });
});

describe('killProcess', () => {
  it('does nothing to one that has ended', async () => {
    const child = await startSleep();
    killProcess(child.pid);
    await once(child, 'exit');
    killProcess(child.pid);
  });
});
