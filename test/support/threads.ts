import { readdirSync, readFileSync } from 'node:fs';
import { isKernelThread, readStat } from '../../src/proc/stat.js';

/** Ids of a process' threads, in order. */
export function threadsOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .map(Number)
    .sort((a, b) => a - b);
}

/** State letters of a process' threads: `t` is a ptrace stop, `T` one by SIGSTOP. */
export function statesOf(pid: number): string[] {
  return threadsOf(pid).map((tid) => readStat(tid).state);
}

/** Who traces a thread; 0 is nobody. */
export function tracerOf(tid: number): number {
  return Number(/^TracerPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${tid}/status`, 'utf8'))?.[1]);
}

/** The system call that a thread waits in, undefined while it runs. */
export function systemCallOf(tid: number): number | undefined {
  const number = parseInt(readFileSync(`/proc/${tid}/syscall`, 'utf8'), 10);
  return Number.isNaN(number) ? undefined : number;
}

/** The pid of a kernel thread, undefined where a pid namespace hides them. */
export function kernelThread(): number | undefined {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find(isKernelPid);
}

function isKernelPid(pid: number): boolean {
  try {
    return isKernelThread(readStat(pid));
  } catch {
    return false; // it has exited since the listing
  }
}
