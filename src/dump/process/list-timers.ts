import { readFileSync } from 'node:fs';
import type { PosixTimer } from '../../process/timer-record.js';

/** What procfs tells of a timer made by timer_create. */
export type ListedTimer = Omit<PosixTimer, 'setting'>;

const entry =
  /^ID: (\d+)\nsignal: (\d+)\/([0-9a-f]+)\nnotify: (\w+)\/(pid|tid)\.(\d+)\nClockID: (-?\d+)$/gm;
const notifyNumbers: Readonly<Record<string, number>> = { signal: 0, none: 1, thread: 2 };
const threadId = 4;
/** The kernel's number for the processor time of the process that has made the timer. */
const ownProcessorTime = -6;

/** The timers of a process that timer_create has made, by id. */
export function listTimers(pid: number, proc = '/proc'): ListedTimer[] {
  const text = readFileSync(`${proc}/${pid}/timers`, 'utf8');
  return [...text.matchAll(entry)]
    .map(([, id, signal, value = '0', notify = '', whose, tid, clock]) => ({
      id: Number(id),
      clock: Number(clock),
      signal: Number(signal),
      notify: (notifyNumbers[notify] ?? 0) | (whose === 'tid' ? threadId : 0),
      tid: whose === 'tid' ? Number(tid) : 0,
      value: BigInt(`0x${value}`),
    }))
    .sort((a, b) => a.id - b.id);
}

/** Timers that cannot be dumped. Procfs does not tell which thread's time one of them counts. */
export function refusedTimers(pid: number): string[] {
  return listTimers(pid)
    .filter(({ clock }) => clock < 0 && clock !== ownProcessorTime)
    .map(
      ({ id }) => `timer ${id} of pid ${pid}: it counts the processor time of a thread or process`,
    );
}
