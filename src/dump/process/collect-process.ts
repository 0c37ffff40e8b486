import type { Frozen } from '../../proc/freeze.js';
import type { SmapsEntry } from '../../proc/smaps.js';
import type { ProcessRecord } from '../../process/process-record.js';
import { collectIdentity } from './collect-identity.js';
import { collectMemory } from './collect-memory.js';
import { collectSignals } from './collect-signals.js';
import { collectThreads } from './collect-threads.js';
import { collectTimers, settleTimers } from './collect-timers.js';
import { collectFiles } from './files/collect-files.js';
import { settleTimerFiles } from './files/timer-files.js';
import { listDescriptors } from './files/open-descriptor.js';
import type { TreeFiles } from './files/tree-files.js';
import type { ObservedWaits } from './observe-waits.js';
import { refuseUndumpable } from './refusals.js';
import { RemoteTarget } from './remote-target.js';

/** What the caller knows of the process. */
export interface CollectOptions {
  /** descriptors that the one who restores is going to hand in */
  external: ReadonlySet<number>;
  isShellJob: boolean;
  /** who is dumped with it: nothing of them is refused any more; absent where it is alone */
  tree?: TreeFiles;
  /** since when its threads wait, from before the freeze */
  waits: ObservedWaits;
}

/**
 * Everything that a process is but the content of its memory. It stands, and stands unchanged
 * afterwards.
 * @param mappings as they are now
 * @throws TargetError `NOT_DUMPABLE`, before anything is touched, but with `tree`; `REMOTE_CALL`
 */
export function collectProcess(
  frozen: Frozen,
  mappings: readonly SmapsEntry[],
  { external, isShellJob, tree, waits }: CollectOptions,
): ProcessRecord {
  const { pid, tids } = frozen;
  if (!tree) {
    const descriptors = listDescriptors(pid);
    refuseUndumpable({ pid, tids, mappings, descriptors, external, isShellJob });
  }
  using target = new RemoteTarget(frozen, mappings);
  settleTimerFiles(listDescriptors(pid));
  const timers = collectTimers(target);
  // The threads before the signals: what was on its way to them is in their queues then.
  const threads = collectThreads(target, waits);
  const signals = collectSignals(target);
  const pending = [...signals.pending, ...threads.flatMap((thread) => thread.pending)];
  return {
    threads,
    signals,
    identity: collectIdentity(target),
    memory: collectMemory(target, mappings),
    files: collectFiles({
      descriptors: listDescriptors(pid),
      external,
      isShellJob,
      ...(tree && { tree }),
      ask: (call) => target.mustCall(tids[0] ?? pid, [call])[0] ?? 0,
    }),
    timers: settleTimers(timers, collectTimers(target), pending),
  };
}
