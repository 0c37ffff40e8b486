import { readStatus } from '../../proc/status.js';
import { ACTION_BYTES, NR_SIGNALS, type SignalRecord } from '../../process/signal-record.js';
import type { RemoteTarget, TargetCall } from './remote-target.js';

const sigchld = 17;
const maskBytes = 8;

/**
 * What the process does about signals, and those that wait for it as a whole. Asked are the
 * dispositions of those that it ignores or handles, by procfs, and of SIGCHLD, whose flags have a
 * meaning without; all others are the default.
 */
export function collectSignals(target: RemoteTarget): SignalRecord {
  const [tid = target.pid] = target.tids;
  const asked = askedSignals(target.pid);
  const place = (number: number) => (number - 1) * ACTION_BYTES;
  target.mustCall(
    tid,
    asked.map((number): TargetCall => [
      'rt_sigaction',
      number,
      0,
      target.scratch + place(number),
      maskBytes,
    ]),
  );
  const actions = new Uint8Array(NR_SIGNALS * ACTION_BYTES);
  for (const number of asked)
    actions.set(target.answer(place(number), ACTION_BYTES), place(number));
  const { sharedPending, stopSignal } = target.state(tid);
  return { actions, pending: sharedPending, stopSignal };
}

function askedSignals(pid: number): number[] {
  const status = readStatus(String(pid));
  const special = status.mask('SigIgn') | status.mask('SigCgt') | (1n << BigInt(sigchld - 1));
  return Array.from({ length: NR_SIGNALS }, (_, i) => i + 1).filter(
    (number) => ((special >> BigInt(number - 1)) & 1n) === 1n,
  );
}
