import type { FileIdentity } from '../../process/file-identity.js';
import type { Watch } from '../../process/watch-record.js';
import type { SystemCall } from '../../system-calls.js';

/** What an earlier step has found out, by name: a result, or a number that a call has written. */
export interface Slot {
  slot: string;
}

/** An argument of a system call, or a part of what one points to. */
export type Value =
  | number
  | bigint
  | Slot
  /** a pointer to a string */
  | { text: string }
  /** a pointer to the path by which a descriptor's file is opened once more */
  | { descriptor: Slot }
  /** a pointer to bytes */
  | { bytes: Uint8Array }
  /** a pointer to words of 64 bits */
  | { words: readonly Word[] }
  /** a pointer to 32-bit numbers that the call writes, which become slots */
  | { out: readonly string[] };

/** A word of 64 bits, or two halves of 32, the lower one first. */
export type Word = Value | { halves: readonly [number | Slot, number | Slot] };

/** A system call that the process runs on its way to what it was. */
export interface CallStep {
  op: 'call';
  call: SystemCall;
  args: readonly Value[];
  /** which thread runs it; the first one if absent */
  thread?: number;
  /** the slot that gets the result */
  result?: string;
  /** the only right result; any but an error if absent */
  expect?: number;
  /** for people: what it gets that somebody else may have by now */
  taken?: string;
  /** for people: what it is about, behind the call's name */
  about: string;
}

/** Pages that the process reads from a file of the images into its memory. */
export interface ReadStep {
  op: 'read';
  file: Slot;
  /** page, page of the file, number of pages; and so on, by page of the file */
  runs: Float64Array;
  about: string;
}

/** A file that has to be as it was at the dump. Before anything is started. */
export interface CheckFileStep {
  op: 'check-file';
  file: FileIdentity;
  /** what the process has it for */
  about: string;
}

/** A path where something has to be, and of which kind. Before anything is started. */
export interface CheckPathStep {
  op: 'check-path';
  path: string;
  inode: number;
  isFifo: boolean;
  /** what the process has it for */
  about: string;
}

/** What is looked at before anything is started. */
export type CheckStep = CheckFileStep | CheckPathStep;

/**
 * A name that the process' socket is going to have: the file that it has left is removed. Anything
 * else of that name is an error. Only when the process' pid is its own again, for it has ended then.
 */
export interface FreeNameStep {
  op: 'free-name';
  path: string;
  /** of the file that the process has left */
  inode: number;
}

/** A process, with a trampoline and an argument area at `base`. */
export interface StartStep {
  op: 'start';
  pid: number;
  /** start the init of a new pid namespace first, pid 1: it makes the process by a `fork` step */
  isInNamespace: boolean;
  base: number;
  areaBytes: number;
  /** our descriptors that it begins with, each at the number it has here */
  keptFds: readonly number[];
}

/** The kernel's mappings in the process: where they come to lie. */
export interface KernelMapping {
  path: string;
  address: number;
  length: number;
}

/** Unmaps everything but the trampoline; the kernel's own mappings are put to `scratch` first. */
export interface ClearStep {
  op: 'clear';
  vdsoBuildId: string;
  /** those that the process shall have, by address */
  kernelMappings: readonly KernelMapping[];
  scratch: number;
}

/**
 * The init of a new pid namespace makes the process; steps from here on are that one's unless they
 * name thread 1. All that it has open is closed here, and in the process what only the init needs.
 */
export interface ForkStep {
  op: 'fork';
  pid: number;
}

/** Steps from here on are of another process, unless they name a thread. */
export interface SwitchStep {
  op: 'switch';
  process: number;
}

/**
 * A process that is not in the images is forked by the one whose steps these are, with any number but
 * one that is needed. Steps name it by a number below 0.
 */
export interface ForkHelperStep {
  op: 'fork-helper';
  process: number;
  /** flags of clone3 */
  flags: number;
  /** in order */
  avoid: readonly number[];
  about: string;
}

/** A process ends, with a status as wait() tells it, and its parent gets to know. */
export interface EndStep {
  op: 'end';
  process: number;
  status: number;
}

/** Pages move on to other addresses, out of however many mappings. */
export interface MoveStep {
  op: 'move';
  fromPage: number;
  toPage: number;
  nrPages: number;
}

/** Takes the trampoline away from one of several processes, which stands as it shall go on. */
export interface SettleStep {
  op: 'settle';
  threads: readonly FinishedThread[];
  stopSignal: number;
}

/** Lets all processes go that are settled. */
export interface ReleaseStep {
  op: 'release';
}

/** A timer of timer_create with the id that it had, which older kernels cannot be told. */
export interface CreateTimerStep {
  op: 'create-timer';
  id: number;
  clock: number;
  /** `struct sigevent` */
  event: Uint8Array;
}

/** A pseudo-terminal of which the slave's name is to be `/dev/pts/INDEX`. */
export interface OpenPtyStep {
  op: 'open-pty';
  index: number;
  /** the slot that gets the master's descriptor */
  result: string;
}

/** Watches of an inotify descriptor, by the numbers that they had, in their order. */
export interface AddWatchesStep {
  op: 'add-watches';
  fd: number;
  watches: readonly Watch[];
}

/** What a thread goes on with. */
export interface FinishedThread {
  tid: number;
  registers: Uint8Array;
  xstate: Uint8Array;
  signalMask: bigint;
}

/** Takes the trampoline away and lets the process go. */
export interface FinishStep {
  op: 'finish';
  threads: readonly FinishedThread[];
  stopSignal: number;
}

/** What restores a process, in order; plain data. */
export type Step =
  | CheckStep
  | FreeNameStep
  | StartStep
  | ClearStep
  | ForkStep
  | SwitchStep
  | ForkHelperStep
  | EndStep
  | MoveStep
  | SettleStep
  | ReleaseStep
  | CallStep
  | ReadStep
  | CreateTimerStep
  | AddWatchesStep
  | OpenPtyStep
  | FinishStep;

/** A call step; `options` are its other fields. */
export function call(
  name: SystemCall,
  args: readonly Value[],
  about: string,
  options: Pick<CallStep, 'thread' | 'result' | 'expect' | 'taken'> = {},
): CallStep {
  return { op: 'call', call: name, args, about, ...options };
}

/** Bytes of a `struct clone_args`. */
export const cloneArgsBytes = 88;
const sigchld = 17;

/** `struct clone_args` of a process, whose end is told by SIGCHLD. */
export function cloneWords(pid: number, flags = 0): Word[] {
  return [flags, 0, 0, 0, sigchld, 0, 0, 0, { bytes: int32s(pid) }, 1, 0];
}

/** Numbers as 32-bit little-endian bytes. */
export function int32s(...numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(numbers, (number) => number | 0).buffer);
}
