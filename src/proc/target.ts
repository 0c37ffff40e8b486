import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { TargetError } from '../errors.js';
import { ownMissingCapabilities } from './capabilities.js';
import { noSuchProcess, readError } from './read-error.js';
import { isKernelThread, readStat } from './stat.js';

/** Which process it is. Two descriptions with one pid and start time are of one process. */
export interface TargetDescription {
  pid: number;
  comm: string;
  /** program file, '' if it is not known (kernel threads, zombies) */
  exe: string;
  /** clock ticks after boot */
  startTime: number;
}

/** `e_ident` of an ELF file: the class is its fifth byte. */
const elfClassOffset = 4;
const elfClass32 = 1;

/**
 * Names a process.
 * @throws TargetError `NO_SUCH_PROCESS`
 */
export function describeTarget(pid: number, proc = '/proc'): TargetDescription {
  const { comm, startTime } = readStat(pid, proc);
  return { pid, comm, exe: readExe(pid, proc), startTime };
}

/**
 * Refuses a process that cannot be tracked, before anything is touched.
 * @param proc where procfs is; tests have their own
 * @returns the process' description
 * @throws TargetError `INVALID_PID`, `NO_SUCH_PROCESS`, `NOT_A_PROCESS` (a thread's id),
 *   `OWN_PROCESS`, `KERNEL_THREAD`, `ZOMBIE`, `FIRST_THREAD_EXITED`, `NOT_PERMITTED`, `NOT_64_BIT`
 */
export function checkTrackable(pid: number, proc = '/proc'): TargetDescription {
  if (!Number.isSafeInteger(pid) || pid <= 0) {
    refuse('INVALID_PID', pid, 'a pid is a positive whole number');
  }
  if (pid === process.pid) {
    refuse('OWN_PROCESS', pid, 'that is tracker itself; choose another process');
  }
  checkState(pid, proc);
  const missing = ownMissingCapabilities(proc);
  if (missing.length > 0) {
    refuse('NOT_PERMITTED', pid, `this needs ${missing.join(' and ')}; run as root`);
  }
  if (readElfClass(pid, proc) === elfClass32) {
    refuse('NOT_64_BIT', pid, 'it is a 32-bit process, and only 64-bit ones are supported');
  }
  return describeTarget(pid, proc);
}

function checkState(pid: number, proc: string): void {
  const stat = readStat(pid, proc);
  if (isKernelThread(stat)) {
    refuse('KERNEL_THREAD', pid, `${stat.comm} is a kernel thread; choose a user process`);
  }
  const process = readThreadGroup(pid, proc);
  // Collected in between: it has no number any more.
  if (process === 0) throw noSuchProcess(`track pid ${pid}`, pid);
  if (process !== pid) {
    refuse('NOT_A_PROCESS', pid, `it is a thread of process ${process}; use that pid`);
  }
  if (stat.state !== 'Z' && stat.state !== 'X') return;
  if (stat.nrThreads > 1) {
    refuse('FIRST_THREAD_EXITED', pid, 'its first thread has exited while others run');
  }
  refuse('ZOMBIE', pid, `${stat.comm} has exited; its parent, pid ${stat.ppid}, has to collect it`);
}

function refuse(code: string, pid: number, reason: string): never {
  throw new TargetError(code, `cannot track pid ${pid}: ${reason}`, { facts: { pid } });
}

function readThreadGroup(pid: number, proc: string): number {
  try {
    const status = readFileSync(`${proc}/${pid}/status`, 'utf8');
    return Number(/^Tgid:\s*(\d+)$/m.exec(status)?.[1]);
  } catch (error) {
    throw readError(error, 'read the status', pid);
  }
}

function readExe(pid: number, proc: string): string {
  try {
    return readlinkSync(`${proc}/${pid}/exe`);
  } catch {
    return '';
  }
}

/** Through procfs the program can be read even when its file is deleted or out of reach. */
function readElfClass(pid: number, proc: string): number {
  let fd: number;
  try {
    fd = openSync(`${proc}/${pid}/exe`, 'r');
  } catch (error) {
    throw readError(error, 'read the program', pid);
  }
  try {
    const ident = Buffer.alloc(elfClassOffset + 1);
    if (readSync(fd, ident, 0, ident.length, 0) < ident.length)
      throw noSuchProcess(`read the program of pid ${pid}`, pid);
    return ident.readUInt8(elfClassOffset);
  } finally {
    closeSync(fd);
  }
}
