import type { FieldReader } from '../image/field-reader.js';

/** Interval timers: real, virtual, profiling. */
export const NR_INTERVAL_TIMERS = 3;
/** Bytes of a `struct itimerval`. */
export const INTERVAL_BYTES = 32;

/** The timers of a process. */
export interface TimerRecord {
  /** `struct itimerval` of the three interval timers: what was left, and the interval */
  intervals: Uint8Array;
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readTimers(reader: FieldReader): TimerRecord {
  return { intervals: reader.block('intervals', NR_INTERVAL_TIMERS * INTERVAL_BYTES) };
}
