import { PAGE_SIZE } from '../../image/page.js';
import { vmaAt } from '../../image/vma-record.js';
import type { ThreadRecord } from '../../process/thread-record.js';
import { prctl, PROT_WRITE } from './constants.js';
import type { RestoreInput } from './input.js';
import { planCredentials } from './plan-credentials.js';
import { type IsWritable, resumeThread } from './resumed-registers.js';
import { call, cloneArgsBytes, type FinishedThread, int32s, type Step } from './step.js';

/** CLONE_VM, FS, FILES, SIGHAND, THREAD and SYSVSEM: what threads of one process share. */
const threadFlags = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;
const onStack = 1;
const ioprioProcess = 1;

/** Makes all threads but the first, with their ids. */
export function planClones({ process }: RestoreInput): Step[] {
  return process.threads.slice(1).map(({ tid }) => {
    const setTid = { bytes: int32s(tid) };
    const words = [threadFlags, 0, 0, 0, 0, 0, 0, 0, setTid, 1, 0];
    return call('clone3', [{ words }, cloneArgsBytes], `thread ${tid}`, { expect: tid });
  });
}

/** What each thread has for itself, but for its registers and its mask. */
export function planThreadStates({ process }: RestoreInput): Step[] {
  return process.threads.flatMap(planThread);
}

/** Who each thread is: when nothing is left to do that needs rights. */
export function planThreadCredentials({ process }: RestoreInput): Step[] {
  return process.threads.flatMap((thread) => [
    ...planCredentials(thread),
    // A change of credentials clears it.
    call('prctl', [prctl.setPdeathsig, thread.parentDeathSignal, 0, 0, 0], 'PR_SET_PDEATHSIG', {
      thread: thread.tid,
    }),
  ]);
}

/** What all threads go on with. */
export function finishedThreads(input: RestoreInput): FinishedThread[] {
  return input.process.threads.map((thread) => {
    const { tid, xstate, signalMask } = thread;
    const { registers } = resumeThread(thread, writableIn(input));
    return { tid, registers, xstate, signalMask };
  });
}

/** Times that interrupted calls wait for yet, where their registers point to. */
export function planLeftTimes(input: RestoreInput): Step[] {
  const { pid } = input.process.identity;
  return input.process.threads.flatMap((thread) => {
    const { time } = resumeThread(thread, writableIn(input));
    if (!time) return [];
    const length = time.bytes.byteLength;
    const [from, to] = [{ bytes: time.bytes }, time.address].map((where) => ({
      words: [where, length],
    }));
    if (!from || !to) return [];
    const about = `time that thread ${thread.tid} has left to wait`;
    return [call('process_vm_writev', [pid, from, 1, to, 1, 0], about, { expect: length })];
  });
}

function writableIn({ vmas }: RestoreInput): IsWritable {
  return (address, length) => {
    const first = vmaAt(vmas, Math.floor(address / PAGE_SIZE));
    const last = vmaAt(vmas, Math.floor((address + length - 1) / PAGE_SIZE));
    return (
      first !== undefined && first === last && (first.prot & PROT_WRITE) !== 0 && !first.shared
    );
  };
}

function planThread(thread: ThreadRecord): Step[] {
  const { tid, name, altStack, affinity, schedAttributes, timerSlackNs, ioPriority } = thread;
  const step = (...[system, args, what]: Parameters<typeof call>) =>
    call(system, args, `${what} of thread ${tid}`, { thread: tid });
  const stack = [altStack.address, altStack.flags & ~onStack, altStack.length];
  const steps = [
    step('sigaltstack', [{ words: stack }, 0], 'alternate stack'),
    step('set_robust_list', [thread.robustList, thread.robustListLength], 'robust list'),
    step('set_tid_address', [thread.clearChildTid], 'address to clear'),
    step('prctl', [prctl.setName, { text: name }, 0, 0, 0], 'name'),
    step('sched_setaffinity', [0, affinity.byteLength, { bytes: affinity }], 'affinity'),
    step('sched_setattr', [0, { bytes: schedAttributes }, 0], 'scheduling'),
    step('ioprio_set', [ioprioProcess, 0, ioPriority], 'I/O priority'),
    step('prctl', [prctl.setTimerslack, timerSlackNs, 0, 0, 0], 'timer slack'),
  ];
  const { rseqAddress, rseqLength, rseqSignature } = thread;
  if (rseqAddress !== 0)
    steps.push(step('rseq', [rseqAddress, rseqLength, 0, rseqSignature], 'rseq'));
  return steps;
}
