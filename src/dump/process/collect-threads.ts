import { readFileSync } from 'node:fs';
import { native } from '../../native.js';
import type { ThreadState } from '../../native-remote.js';
import { readStatus, type StatusFields } from '../../proc/status.js';
import type { AltStack, Credentials, ThreadRecord } from '../../process/thread-record.js';
import { CallRegisters } from '../../process/system-waits.js';
import { leftNs } from './interrupted-call.js';
import type { ObservedWaits } from './observe-waits.js';
import type { RemoteTarget } from './remote-target.js';

const prctl = { getPdeathsig: 2, getTidAddress: 40, getSecurebits: 27 } as const;
/** Offsets of answers. */
const answers = { altStack: 0, tidAddress: 32, pdeathsig: 40 } as const;
const answerBytes = 48;

/** Every thread, the process' first one first. */
export function collectThreads(target: RemoteTarget, waits: ObservedWaits): ThreadRecord[] {
  const tids = [...target.tids].sort((a, b) => a - b);
  const first = tids.filter((tid) => tid === target.pid);
  return [...first, ...tids.filter((tid) => tid !== target.pid)].map((tid) =>
    collectThread(target, tid, waits),
  );
}

function collectThread(target: RemoteTarget, tid: number, waits: ObservedWaits): ThreadRecord {
  const { secureBits, ...asked } = ask(target, tid);
  // After the calls: a signal that was on its way is in the queue again.
  const state = target.state(tid);
  const interruptedCall = new CallRegisters(state.registers).get('origRax');
  const path = `${target.pid}/task/${tid}`;
  const { attributes, affinity, ioPriority } = native.scheduling(tid);
  return {
    tid,
    name: readFileSync(`/proc/${path}/comm`, 'utf8').replace(/\n$/, ''),
    ...stateOf(state),
    registers: state.registers,
    leftNs: leftNs(target, state.registers, waits.waitedNs(tid, interruptedCall)),
    ...asked,
    schedAttributes: attributes,
    affinity,
    ioPriority,
    timerSlackNs: Number(readFileSync(`/proc/${tid}/timerslack_ns`, 'utf8')),
    credentials: credentialsOf(readStatus(path), secureBits),
  };
}

/** What only the thread itself can find out. */
function ask(target: RemoteTarget, tid: number) {
  const { scratch } = target;
  const [, , , secureBits = 0] = target.mustCall(tid, [
    ['sigaltstack', 0, scratch + answers.altStack],
    ['prctl', prctl.getTidAddress, scratch + answers.tidAddress],
    ['prctl', prctl.getPdeathsig, scratch + answers.pdeathsig],
    ['prctl', prctl.getSecurebits],
  ]);
  const bytes = target.answer(0, answerBytes);
  return {
    altStack: altStackOf(bytes),
    clearChildTid: Number(bytes.readBigUInt64LE(answers.tidAddress)),
    parentDeathSignal: bytes.readUInt32LE(answers.pdeathsig),
    secureBits,
  };
}

function altStackOf(bytes: Buffer): AltStack {
  return {
    address: Number(bytes.readBigUInt64LE(answers.altStack)),
    flags: bytes.readUInt32LE(answers.altStack + 8),
    length: Number(bytes.readBigUInt64LE(answers.altStack + 16)),
  };
}

function stateOf(state: ThreadState) {
  const { hasDispatch: _dispatch, sharedPending: _shared, stopSignal: _stop, ...kept } = state;
  return kept;
}

function credentialsOf(status: StatusFields, secureBits: number): Credentials {
  return {
    uids: status.numbers('Uid'),
    gids: status.numbers('Gid'),
    groups: status.numbers('Groups'),
    inheritable: status.mask('CapInh'),
    permitted: status.mask('CapPrm'),
    effective: status.mask('CapEff'),
    bounding: status.mask('CapBnd'),
    ambient: status.mask('CapAmb'),
    secureBits,
    noNewPrivileges: status.number('NoNewPrivs') === 1,
  };
}
