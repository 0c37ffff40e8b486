import {
  CallRegisters,
  interruptedResults,
  isEpollWait,
  waitCalls,
} from '../../process/system-waits.js';
import type { RemoteTarget } from './remote-target.js';

/** What is looked at: the process' memory. */
type Memory = Pick<RemoteTarget, 'read'>;

const futexWait = 0n;
const futexCommands = 0x7fn;
const absoluteTime = 1n;

/**
 * What is left of the time that an interrupted call was told to wait at most; null where it was told none,
 * or where the kernel itself keeps it for the program.
 * @param waitedNs 0 where that is not known
 */
export function leftNs(memory: Memory, registers: Uint8Array, waitedNs: number): number | null {
  const call = new CallRegisters(registers);
  const result = call.get('rax');
  const isBlock = result === interruptedResults.block;
  const isEpoll = result === interruptedResults.interrupted && isEpollWait(call.get('origRax'));
  if (waitedNs === 0 || !(isBlock || isEpoll)) return null;
  const timeNs = timeOf(memory, call);
  return timeNs === null ? null : Math.max(0, timeNs - waitedNs);
}

function timeOf(memory: Memory, call: CallRegisters): number | null {
  switch (call.get('origRax')) {
    case waitCalls.nanosleep:
      return call.get('rsi') === 0n ? timespecAt(memory, call.get('rdi')) : null;
    case waitCalls.clockNanosleep: {
      const isKept = call.get('r10') !== 0n || (call.get('rsi') & absoluteTime) !== 0n;
      return isKept ? null : timespecAt(memory, call.get('rdx'));
    }
    case waitCalls.poll:
      return milliseconds(call.get('rdx'));
    case waitCalls.epollWait:
    case waitCalls.epollPwait:
      return milliseconds(call.get('r10'));
    case waitCalls.futex:
      if ((call.get('rsi') & futexCommands) !== futexWait) return null;
      return timespecAt(memory, call.get('r10'));
    case waitCalls.epollPwait2:
      return timespecAt(memory, call.get('r10'));
    default:
      return null;
  }
}

function milliseconds(register: bigint): number | null {
  const ms = Number(BigInt.asIntN(32, register));
  return ms < 0 ? null : ms * 1e6;
}

function timespecAt(memory: Memory, address: bigint): number | null {
  if (address === 0n) return null;
  const bytes = memory.read(Number(address), 16);
  if (bytes.length < 16) return null;
  const timeNs = bytes.readBigInt64LE(0) * 1_000_000_000n + bytes.readBigInt64LE(8);
  return timeNs > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(timeNs);
}
