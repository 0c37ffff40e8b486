import {
  CallRegisters,
  interruptedResults,
  isEpollWait,
  waitCalls,
} from '../../process/system-waits.js';
import type { RemoteTarget } from './remote-target.js';

/** What is looked at: the process' memory. */
type Memory = Pick<RemoteTarget, 'read'>;

const codeBytes = 64;
/** `mov $NUMBER, %eax` */
const moveToEax = 0xb8;
const moveBytes = 5;
const futexWait = 0n;
const futexCommands = 0x7fn;
const absoluteTime = 1n;

/**
 * The registers of a thread that stands, with the name of the call that it was in: one that had been
 * interrupted before is restart_syscall by now. Which one that was, the program's code in front of the
 * system call instruction tells where it is as the C library has it, or what the kernel waited in.
 * @param channel the kernel's function, '' where that is not known
 */
export function namedCall(memory: Memory, registers: Uint8Array, channel: string): Uint8Array {
  const before = new CallRegisters(registers);
  if (before.get('rax') !== interruptedResults.block) return registers;
  if (before.get('origRax') !== waitCalls.restart) return registers;
  const code = memory.read(Number(before.get('rip')) - codeBytes, codeBytes);
  const call = findNumber(code) ?? numberBy(channel, before);
  if (call === undefined) return registers;
  const named = new Uint8Array(registers);
  new CallRegisters(named).set('origRax', call);
  return named;
}

function findNumber(code: Buffer): bigint | undefined {
  const { poll, nanosleep, futex, clockNanosleep } = waitCalls;
  for (let i = code.length - moveBytes; i >= 0; i--) {
    if (code[i] !== moveToEax) continue;
    const number = BigInt(code.readUInt32LE(i + 1));
    if ([poll, nanosleep, futex, clockNanosleep].some((call) => call === number)) return number;
  }
  return undefined;
}

/** More clocks than there are; no address is that small. */
const maxClocks = 64n;

function numberBy(channel: string, registers: CallRegisters): bigint | undefined {
  if (channel.includes('poll')) return waitCalls.poll;
  if (channel.includes('futex')) return waitCalls.futex;
  if (!channel.includes('nanosleep')) return undefined;
  return registers.get('rdi') < maxClocks ? waitCalls.clockNanosleep : waitCalls.nanosleep;
}

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
