import type { FieldReader } from '../image/field-reader.js';

/** Bytes of the kernel's `struct user_regs_struct`. */
export const REGISTERS_BYTES = 216;
/** Bytes of a `siginfo_t`. */
export const SIGINFO_BYTES = 128;

/** A thread of a process, as it stood. Addresses are numbers; 0 where there is none. */
export interface ThreadRecord {
  tid: number;
  /** up to 15 bytes */
  name: string;
  /** `struct user_regs_struct`; those of an interrupted system call say so in orig_rax and rax */
  registers: Uint8Array;
  /** the XSAVE area as the processor has it, of which the size depends on the model */
  xstate: Uint8Array;
  /** what an interrupted call would have waited yet, at most; null where it has no such time */
  leftNs: number | null;
  signalMask: bigint;
  /** `siginfo_t` of signals for this thread alone, in the order in which they came */
  pending: Uint8Array[];
  altStack: AltStack;
  robustList: number;
  robustListLength: number;
  rseqAddress: number;
  rseqLength: number;
  rseqSignature: number;
  /** where the kernel writes 0 and wakes when the thread ends */
  clearChildTid: number;
  /** `struct sched_attr` */
  schedAttributes: Uint8Array;
  /** one bit for each CPU it may run on */
  affinity: Uint8Array;
  ioPriority: number;
  timerSlackNs: number;
  parentDeathSignal: number;
  credentials: Credentials;
}

/** As `sigaltstack` has it. */
export interface AltStack {
  address: number;
  flags: number;
  length: number;
}

/** Who a thread is for the kernel: real, effective, saved and file system ids. */
export interface Credentials {
  uids: number[];
  gids: number[];
  groups: number[];
  inheritable: bigint;
  permitted: bigint;
  effective: bigint;
  bounding: bigint;
  ambient: bigint;
  secureBits: number;
  noNewPrivileges: boolean;
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readThread(reader: FieldReader): ThreadRecord {
  return {
    tid: reader.count('tid'),
    name: reader.string('name'),
    registers: reader.block('registers', REGISTERS_BYTES),
    xstate: reader.bytes('xstate'),
    leftNs: reader.has('leftNs') ? reader.countOrNull('leftNs') : null,
    signalMask: reader.word('signalMask'),
    pending: reader.blocks('pending', SIGINFO_BYTES),
    altStack: readAltStack(reader.inner(reader.map('altStack'), 'altStack')),
    robustList: reader.count('robustList'),
    robustListLength: reader.count('robustListLength'),
    rseqAddress: reader.count('rseqAddress'),
    rseqLength: reader.count('rseqLength'),
    rseqSignature: reader.count('rseqSignature'),
    clearChildTid: reader.count('clearChildTid'),
    schedAttributes: reader.bytes('schedAttributes'),
    affinity: reader.bytes('affinity'),
    ioPriority: reader.count('ioPriority'),
    timerSlackNs: reader.count('timerSlackNs'),
    parentDeathSignal: reader.count('parentDeathSignal'),
    credentials: readCredentials(reader.inner(reader.map('credentials'), 'credentials')),
  };
}

function readAltStack(reader: FieldReader): AltStack {
  return {
    address: reader.count('address'),
    flags: reader.count('flags'),
    length: reader.count('length'),
  };
}

function readCredentials(reader: FieldReader): Credentials {
  return {
    uids: readIds(reader, 'uids'),
    gids: readIds(reader, 'gids'),
    groups: reader.counts('groups'),
    inheritable: reader.word('inheritable'),
    permitted: reader.word('permitted'),
    effective: reader.word('effective'),
    bounding: reader.word('bounding'),
    ambient: reader.word('ambient'),
    secureBits: reader.count('secureBits'),
    noNewPrivileges: reader.boolean('noNewPrivileges'),
  };
}

function readIds(reader: FieldReader, field: string): number[] {
  const ids = reader.counts(field);
  return ids.length === 4 ? ids : reader.fail(`field ${field} has ${ids.length} ids instead of 4`);
}
