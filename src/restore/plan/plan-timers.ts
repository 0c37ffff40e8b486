import { INTERVAL_BYTES, NR_INTERVAL_TIMERS } from '../../process/timer-record.js';
import type { RestoreInput } from './input.js';
import { call, type Step } from './step.js';

/** Timers run from here on, with the time that was left: the process is about to go. */
export function planTimers({ process }: RestoreInput): Step[] {
  const { intervals } = process.timers;
  const steps: Step[] = [];
  for (let which = 0; which < NR_INTERVAL_TIMERS; which++) {
    const bytes = intervals.slice(which * INTERVAL_BYTES, (which + 1) * INTERVAL_BYTES);
    if (bytes.some((byte) => byte !== 0))
      steps.push(call('setitimer', [which, { bytes }, 0], `interval timer ${which}`));
  }
  return steps;
}
