import {
  INTERVAL_BYTES,
  NR_INTERVAL_TIMERS,
  type TimerRecord,
} from '../../process/timer-record.js';
import type { RemoteTarget, TargetCall } from './remote-target.js';

/** The process' timers, with the time that is left. They go on while it stands. */
export function collectTimers(target: RemoteTarget): TimerRecord {
  const [tid = target.pid] = target.tids;
  const calls = Array.from({ length: NR_INTERVAL_TIMERS }, (_, which): TargetCall => [
    'getitimer',
    which,
    target.scratch + which * INTERVAL_BYTES,
  ]);
  target.mustCall(tid, calls);
  return { intervals: new Uint8Array(target.answer(0, NR_INTERVAL_TIMERS * INTERVAL_BYTES)) };
}
