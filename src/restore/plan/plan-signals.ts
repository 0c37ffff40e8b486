import { ACTION_BYTES, NR_SIGNALS } from '../../process/signal-record.js';
import type { ThreadRecord } from '../../process/thread-record.js';
import type { RestoreInput } from './input.js';
import { call, type Step } from './step.js';

const sigkill = 9;
const sigstop = 19;
const maskBytes = 8;

/** What the process does about signals, all of them: the one who restores may ignore some. */
export function planActions({ process }: RestoreInput): Step[] {
  const { actions } = process.signals;
  const steps: Step[] = [];
  for (let i = 0; i < NR_SIGNALS; i++) {
    const number = i + 1;
    const bytes = actions.slice(i * ACTION_BYTES, (i + 1) * ACTION_BYTES);
    if (number === sigkill || number === sigstop) continue;
    steps.push(call('rt_sigaction', [number, { bytes }, 0, maskBytes], `signal ${number}`));
  }
  return steps;
}

/** Puts signals back into their queues: every thread has all of them blocked until the end. */
export function planPending({ process }: RestoreInput): Step[] {
  const { pid } = process.identity;
  const shared = process.signals.pending.map((info) => ({ info, number: numberOf(info) }));
  return [
    ...shared
      .filter(isQueued)
      .map(({ info, number }) =>
        call('rt_sigqueueinfo', [pid, number, { bytes: info }], `signal ${number}`),
      ),
    ...process.threads.flatMap((thread) => pendingOf(pid, thread)),
  ];
}

function pendingOf(pid: number, { tid, pending }: ThreadRecord): Step[] {
  return pending
    .map((info) => ({ info, number: numberOf(info) }))
    .filter(isQueued)
    .map(({ info, number }) =>
      call('rt_tgsigqueueinfo', [pid, tid, number, { bytes: info }], `signal ${number}`),
    );
}

/** These two cannot be blocked, so that nobody has them waiting. */
function isQueued({ number }: { number: number }): boolean {
  return number !== sigkill && number !== sigstop;
}

function numberOf(info: Uint8Array): number {
  return new DataView(info.buffer, info.byteOffset).getInt32(0, true);
}
