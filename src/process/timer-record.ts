import type { FieldReader } from '../image/field-reader.js';

/** Interval timers: real, virtual, profiling. */
export const NR_INTERVAL_TIMERS = 3;
/** Bytes of a `struct itimerval`, and of a `struct itimerspec`: the interval, and what was left. */
export const INTERVAL_BYTES = 32;

/** A timer made by timer_create. */
export interface PosixTimer {
  id: number;
  /** number of the clock as the kernel has it: negative for clocks of processor time */
  clock: number;
  signal: number;
  /** SIGEV_* with SIGEV_THREAD_ID */
  notify: number;
  /** thread that gets the signal; 0 where it is for the process */
  tid: number;
  /** what comes with the signal */
  value: bigint;
  /** `struct itimerspec`: the interval, and what was left */
  setting: Uint8Array;
}

/** The timers of a process. */
export interface TimerRecord {
  /** `struct itimerval` of the three interval timers: the interval, and what was left */
  intervals: Uint8Array;
  /** by id */
  posix: PosixTimer[];
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readTimers(reader: FieldReader): TimerRecord {
  return {
    intervals: reader.block('intervals', NR_INTERVAL_TIMERS * INTERVAL_BYTES),
    posix: reader.maps('posix').map((fields, i) => readTimer(reader.inner(fields, `timer ${i}`))),
  };
}

function readTimer(reader: FieldReader): PosixTimer {
  return {
    id: reader.count('id'),
    clock: reader.integer('clock'),
    signal: reader.count('signal'),
    notify: reader.count('notify'),
    tid: reader.count('tid'),
    value: reader.word('value'),
    setting: reader.block('setting', INTERVAL_BYTES),
  };
}
