import { INTERVAL_BYTES, NR_INTERVAL_TIMERS, type PosixTimer } from '../../process/timer-record.js';
import type { RestoreInput } from './input.js';
import { call, type CreateTimerStep, type Step } from './step.js';

/** Bytes of a `struct sigevent`. */
const eventBytes = 64;

/** Makes the timers of timer_create, when all threads are there. */
export function planTimerCreation({ process }: RestoreInput): CreateTimerStep[] {
  return process.timers.posix.map((timer) => ({
    op: 'create-timer',
    id: timer.id,
    clock: timer.clock,
    event: eventOf(timer),
  }));
}

/** Timers run from here on, with the time that was left: the process is about to go. */
export function planTimers({ process }: RestoreInput): Step[] {
  const { intervals, posix } = process.timers;
  const steps: Step[] = [];
  for (let which = 0; which < NR_INTERVAL_TIMERS; which++) {
    const bytes = intervals.slice(which * INTERVAL_BYTES, (which + 1) * INTERVAL_BYTES);
    if (isSet(bytes))
      steps.push(call('setitimer', [which, { bytes }, 0], `interval timer ${which}`));
  }
  for (const { id, setting } of posix)
    if (isSet(setting))
      steps.push(call('timer_settime', [id, 0, { bytes: setting }, 0], `timer ${id}`));
  return steps;
}

function isSet(setting: Uint8Array): boolean {
  return setting.some((byte) => byte !== 0);
}

function eventOf({ value, signal, notify, tid }: PosixTimer): Uint8Array {
  const bytes = new Uint8Array(eventBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, value, true);
  view.setInt32(8, signal, true);
  view.setInt32(12, notify, true);
  view.setInt32(16, tid, true);
  return bytes;
}
