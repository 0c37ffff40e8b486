import { readFileSync } from 'node:fs';
import { readError } from './read-error.js';

/** What `/proc/PID/stat` tells of a process or thread, as far as tracker needs it. */
export interface ProcStat {
  pid: number;
  /** up to 15 bytes, any character */
  comm: string;
  /** one letter: R, S, D, T, t, Z, X, I */
  state: string;
  ppid: number;
  processGroup: number;
  session: number;
  /** device number of the controlling terminal, 0 for none */
  terminal: number;
  /** of that terminal; -1 for none */
  foregroundGroup: number;
  /** kernel's PF_* */
  flags: number;
  nrThreads: number;
  /** clock ticks after boot; tells a process from a later one with its pid */
  startTime: number;
  /** where it runs, or has run last */
  cpu: number;
  /** that its parent gets when it ends */
  exitSignal: number;
  /** of one that has ended: as wait has it */
  exitStatus: number;
}

/** PF_KTHREAD of the kernel's include/linux/sched.h */
const kernelThreadFlag = 0x00200000;

/** Fields behind the name, counted from the state (field 3 of proc(5)). */
const field = {
  state: 0,
  ppid: 1,
  processGroup: 2,
  session: 3,
  terminal: 4,
  foregroundGroup: 5,
  flags: 6,
  nrThreads: 17,
  startTime: 19,
  exitSignal: 35,
  cpu: 36,
  exitStatus: 49,
} as const;

/**
 * Parses `/proc/PID/stat`. The name is what is between the first and the last parenthesis.
 * @throws Error when it is no such line
 */
export function parseStat(text: string): ProcStat {
  const nameStart = text.indexOf('(');
  const nameEnd = text.lastIndexOf(')');
  const fields = text
    .slice(nameEnd + 1)
    .trim()
    .split(' ');
  const state = fields[field.state];
  if (nameStart < 0 || nameEnd < nameStart || !state || fields.length <= field.startTime)
    throw new Error(`not a line of /proc/PID/stat: ${JSON.stringify(text)}`);
  const number = (name: keyof typeof field) => Number(fields[field[name]]);
  return {
    pid: parseInt(text, 10),
    comm: text.slice(nameStart + 1, nameEnd),
    state,
    ppid: number('ppid'),
    processGroup: number('processGroup'),
    session: number('session'),
    terminal: number('terminal'),
    foregroundGroup: number('foregroundGroup'),
    flags: number('flags'),
    nrThreads: number('nrThreads'),
    startTime: number('startTime'),
    cpu: number('cpu'),
    exitSignal: number('exitSignal'),
    exitStatus: number('exitStatus'),
  };
}

/**
 * Reads the state of a process.
 * @throws TargetError `NO_SUCH_PROCESS`
 */
export function readStat(pid: number, proc = '/proc'): ProcStat {
  try {
    return parseStat(readFileSync(`${proc}/${pid}/stat`, 'utf8'));
  } catch (error) {
    throw readError(error, 'read the state', pid);
  }
}

/** Kernel threads have no memory of their own. */
export function isKernelThread(stat: ProcStat): boolean {
  return (stat.flags & kernelThreadFlag) !== 0;
}
