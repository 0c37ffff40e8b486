import type { ThreadRecord } from '../../process/thread-record.js';

/** Where registers are in `struct user_regs_struct`. */
const offset = { rax: 80, rdx: 96, rdi: 112, rsi: 104, r10: 56, origRax: 120 } as const;
/** Results of interrupted calls, which only the kernel and ptrace see. */
const restartNoHandler = -514n;
const restartBlock = -516n;
const nanosleep = 35n;
const clockNanosleep = 230n;

/**
 * The registers to go on with. The kernel itself restarts an interrupted call, or lets it end with
 * EINTR where a signal is handled first, because the threads are let go from a stop where it looks
 * at them. What it cannot have is the state of a call that it would go on with by restart_syscall:
 * such a call is made anew, a sleep with the time that was left where the program has asked for it.
 */
export function resumedRegisters({ registers }: ThreadRecord): Uint8Array {
  const resumed = new Uint8Array(registers);
  const view = new DataView(resumed.buffer);
  const call = view.getBigInt64(offset.origRax, true);
  if (call < 0n || view.getBigInt64(offset.rax, true) !== restartBlock) return resumed;
  view.setBigInt64(offset.rax, restartNoHandler, true);
  // The kernel has written the time that is left to where the program wants it.
  if (call === nanosleep) copyUnlessZero(view, offset.rsi, offset.rdi);
  if (call === clockNanosleep) copyUnlessZero(view, offset.r10, offset.rdx);
  return resumed;
}

function copyUnlessZero(view: DataView, from: number, to: number): void {
  const value = view.getBigUint64(from, true);
  if (value !== 0n) view.setBigUint64(to, value, true);
}
