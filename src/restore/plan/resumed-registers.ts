import {
  CallRegisters,
  interruptedResults,
  isEpollWait,
  waitCalls,
} from '../../process/system-waits.js';
import type { ThreadRecord } from '../../process/thread-record.js';

/** What a thread goes on with. */
export interface ResumedThread {
  registers: Uint8Array;
  /** a `struct timespec` that its registers point to, to be written below its stack; or null */
  time: { address: number; bytes: Uint8Array } | null;
}

/** Whether a thread may write to memory of its own. */
export type IsWritable = (address: number, length: number) => boolean;

/** Below its stack pointer a function may have data of its own. */
const redZoneBytes = 128;
const timespecBytes = 16;

/**
 * How to go on. The kernel itself restarts an interrupted call, or lets it end with EINTR where a
 * signal is handled first, because the threads are let go from a stop where it looks at them. What it
 * cannot have is the state of a call that it would go on with by restart_syscall: such a call is made
 * anew, with the time that was left where that is known.
 */
export function resumeThread(thread: ThreadRecord, isWritable: IsWritable): ResumedThread {
  const registers = new Uint8Array(thread.registers);
  const call = new CallRegisters(registers);
  const number = call.get('origRax');
  const result = call.get('rax');
  if (number < 0n) return { registers, time: null };
  if (result === interruptedResults.interrupted && isEpollWait(number))
    return resumeEpoll(thread, registers, isWritable);
  if (result !== interruptedResults.block) return { registers, time: null };
  call.set('rax', interruptedResults.noHandler);
  // The kernel has written the time that is left to where the program wants it.
  if (number === waitCalls.nanosleep && call.get('rsi') !== 0n) call.set('rdi', call.get('rsi'));
  if (number === waitCalls.clockNanosleep && call.get('r10') !== 0n)
    call.set('rdx', call.get('r10'));
  return { registers, time: setTime(thread, call, isWritable) };
}

/** It would end with EINTR: only a call that may wait for as long as it would have is better. */
function resumeEpoll(
  thread: ThreadRecord,
  registers: Uint8Array,
  isWritable: IsWritable,
): ResumedThread {
  const call = new CallRegisters(registers);
  const timeout = call.get('r10');
  const isEndless =
    call.get('origRax') === waitCalls.epollPwait2
      ? timeout === 0n
      : BigInt.asIntN(32, timeout) < 0n;
  if (!isEndless && thread.leftNs === null) return { registers, time: null };
  const time = setTime(thread, call, isWritable);
  if (isEndless || call.get('r10') !== timeout || time)
    call.set('rax', interruptedResults.noHandler);
  return { registers, time };
}

function setTime({ leftNs }: ThreadRecord, call: CallRegisters, isWritable: IsWritable) {
  if (leftNs === null) return null;
  const milliseconds = BigInt(Math.ceil(leftNs / 1e6));
  switch (call.get('origRax')) {
    case waitCalls.poll:
      call.set('rdx', milliseconds);
      return null;
    case waitCalls.epollWait:
    case waitCalls.epollPwait:
      call.set('r10', milliseconds);
      return null;
    case waitCalls.nanosleep:
      return placeTime(leftNs, call, 'rdi', isWritable);
    case waitCalls.clockNanosleep:
      return placeTime(leftNs, call, 'rdx', isWritable);
    case waitCalls.futex:
    case waitCalls.epollPwait2:
      return placeTime(leftNs, call, 'r10', isWritable);
    default:
      return null;
  }
}

/** The program's own `struct timespec` stays: it may use it again. */
function placeTime(
  leftNs: number,
  call: CallRegisters,
  register: 'rdi' | 'rdx' | 'r10',
  isWritable: IsWritable,
) {
  const below = Number(call.get('rsp')) - redZoneBytes - timespecBytes;
  const address = below - (below % timespecBytes);
  if (!isWritable(address, timespecBytes)) return null;
  call.set(register, BigInt(address));
  const seconds = Math.floor(leftNs / 1e9);
  const words = BigInt64Array.of(BigInt(seconds), BigInt(leftNs - seconds * 1e9));
  return { address, bytes: new Uint8Array(words.buffer) };
}
