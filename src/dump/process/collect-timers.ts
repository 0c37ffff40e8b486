import {
  INTERVAL_BYTES,
  NR_INTERVAL_TIMERS,
  type PosixTimer,
  type TimerRecord,
} from '../../process/timer-record.js';
import { PAGE_SIZE } from '../../image/page.js';
import { type ListedTimer, listTimers } from './list-timers.js';
import type { RemoteTarget, TargetCall } from './remote-target.js';

/** Signals of the interval timers: SIGALRM, SIGVTALRM, SIGPROF. */
const intervalSignals = [14, 26, 27];

/** The process' timers, with the time that is left. They go on while it stands. */
export function collectTimers(target: RemoteTarget): TimerRecord {
  return { intervals: collectIntervals(target), posix: collectPosix(target) };
}

/**
 * What was right when the signals that wait were collected: a timer may go off while the process
 * stands. One whose signal waits is as it was afterwards. Of any other the signal is not in the
 * images, so that it has to go off again.
 * @param pending `siginfo_t` of all signals that wait
 */
export function settleTimers(
  before: TimerRecord,
  after: TimerRecord,
  pending: readonly Uint8Array[],
): TimerRecord {
  const waiting = new Set(pending.map(signalOf));
  const intervals = before.intervals.slice();
  intervalSignals.forEach((signal, i) => {
    const [start, end] = [i * INTERVAL_BYTES, (i + 1) * INTERVAL_BYTES];
    if (waiting.has(signal)) intervals.set(after.intervals.subarray(start, end), start);
  });
  const settled = new Map(after.posix.map((timer) => [timer.id, timer]));
  const posix = before.posix.map((timer) =>
    waiting.has(timer.signal) ? (settled.get(timer.id) ?? timer) : timer,
  );
  return { intervals, posix };
}

function signalOf(info: Uint8Array): number {
  return new DataView(info.buffer, info.byteOffset).getInt32(0, true);
}

function collectIntervals(target: RemoteTarget): Uint8Array {
  const [tid = target.pid] = target.tids;
  const calls = Array.from({ length: NR_INTERVAL_TIMERS }, (_, which): TargetCall => [
    'getitimer',
    which,
    target.scratch + which * INTERVAL_BYTES,
  ]);
  target.mustCall(tid, calls);
  return new Uint8Array(target.answer(0, NR_INTERVAL_TIMERS * INTERVAL_BYTES));
}

function collectPosix(target: RemoteTarget): PosixTimer[] {
  const timers = listTimers(target.pid);
  const perCall = PAGE_SIZE / INTERVAL_BYTES;
  const collected: PosixTimer[] = [];
  for (let i = 0; i < timers.length; i += perCall)
    collected.push(...collectSome(target, timers.slice(i, i + perCall)));
  return collected;
}

function collectSome(target: RemoteTarget, timers: readonly ListedTimer[]): PosixTimer[] {
  const [tid = target.pid] = target.tids;
  const place = (i: number) => i * INTERVAL_BYTES;
  target.mustCall(
    tid,
    timers.map(({ id }, i): TargetCall => ['timer_gettime', id, target.scratch + place(i)]),
  );
  return timers.map((timer, i) => ({
    ...timer,
    setting: new Uint8Array(target.answer(place(i), INTERVAL_BYTES)),
  }));
}
