import { ACTION_BYTES, NR_SIGNALS, type SignalRecord } from '../../process/signal-record.js';
import type { RemoteTarget, TargetCall } from './remote-target.js';

/** What the process does about signals, and those that wait for it as a whole. */
export function collectSignals(target: RemoteTarget): SignalRecord {
  const [tid = target.pid] = target.tids;
  const calls: TargetCall[] = [];
  for (let i = 0; i < NR_SIGNALS; i++)
    calls.push(['rt_sigaction', i + 1, 0, target.scratch + i * ACTION_BYTES, 8]);
  target.mustCall(tid, calls);
  const actions = new Uint8Array(target.answer(0, NR_SIGNALS * ACTION_BYTES));
  const { sharedPending, stopSignal } = target.state(tid);
  return { actions, pending: sharedPending, stopSignal };
}
