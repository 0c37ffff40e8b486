import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type ProcStat, readStat } from './stat.js';

/** PF_EXITING of the kernel's include/linux/sched.h */
const exitingFlag = 0x4;
/** SIGKILL in the masks of `/proc/PID/status` */
const killMask = 1n << 8n;
const pollMs = 5;
/** Between a thread's taking its SIGKILL and its beginning to exit it looks like any other. */
const nrLooks = 3;

/** Whether a process runs still: one whose first thread has exited may. */
export function isRunning({ state, nrThreads }: ProcStat): boolean {
  return (state !== 'Z' && state !== 'X') || nrThreads > 1;
}

/**
 * Waits for the end of a process that is on its way out: every thread of it has been killed, or is
 * exiting. The way is long where there is much memory.
 * @returns whether it has ended; false, soon, of one that is not on its way
 */
export async function hasEnded(pid: number, boundMs = 2000, proc = '/proc'): Promise<boolean> {
  const deadline = performance.now() + boundMs;
  for (let look = 0; ; look++) {
    const threads = threadsOf(pid, proc);
    if (threads.every(({ state }) => state === 'Z' || state === 'X')) return true;
    const isEnding = threads.every((thread) => isThreadEnding(thread, pid, proc));
    if (isEnding ? performance.now() > deadline : look >= nrLooks) return false;
    await delay(pollMs);
  }
}

function isThreadEnding({ pid: tid, state, flags }: ProcStat, pid: number, proc: string): boolean {
  if (state === 'Z' || state === 'X' || (flags & exitingFlag) !== 0) return true;
  const status = readOrNothing(() => readFileSync(`${proc}/${pid}/task/${tid}/status`, 'utf8'));
  const pending = /^SigPnd:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
  return pending === undefined || (BigInt(`0x${pending}`) & killMask) !== 0n;
}

/** Those that can still be read. */
function threadsOf(pid: number, proc: string): ProcStat[] {
  const tasks = `${proc}/${pid}/task`;
  const tids = readOrNothing(() => readdirSync(tasks)) ?? [];
  return tids.flatMap((tid) => readOrNothing(() => readStat(Number(tid), tasks)) ?? []);
}

function readOrNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
