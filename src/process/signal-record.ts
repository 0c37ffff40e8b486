import type { FieldReader } from '../image/field-reader.js';
import { SIGINFO_BYTES } from './thread-record.js';

/** Signals are numbered 1 to 64. */
export const NR_SIGNALS = 64;
/** Bytes of the kernel's `struct sigaction`: handler, flags, restorer, mask. */
export const ACTION_BYTES = 32;

/** What a process does about signals. */
export interface SignalRecord {
  /** `struct sigaction` of signals 1 to 64, one after the other */
  actions: Uint8Array;
  /** `siginfo_t` of signals for the process as a whole, in the order in which they came */
  pending: Uint8Array[];
  /** SIGSTOP or another one that has stopped the process; 0 where it ran */
  stopSignal: number;
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readSignals(reader: FieldReader): SignalRecord {
  return {
    actions: reader.block('actions', NR_SIGNALS * ACTION_BYTES),
    pending: reader.blocks('pending', SIGINFO_BYTES),
    stopSignal: reader.count('stopSignal'),
  };
}
