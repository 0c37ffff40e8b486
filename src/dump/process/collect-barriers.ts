import type { RemoteTarget } from './remote-target.js';

/** MEMBARRIER_CMD_*: a barrier, and what a process has to say before it may ask for it. */
const barriers = [
  { barrier: 1 << 3, registration: 1 << 4 },
  { barrier: 1 << 5, registration: 1 << 6 },
  { barrier: 1 << 7, registration: 1 << 8 },
] as const;
/** Linux 6.3 */
const getRegistrations = 1 << 9;

/**
 * What the process has registered for by membarrier(2): bits MEMBARRIER_CMD_REGISTER_*. Where the
 * kernel cannot be asked, a barrier is tried, which it refuses to one that is not registered; all threads
 * stand anyway. Those that reach other processes have no such answer, and are not found there.
 */
export function collectBarriers(target: RemoteTarget): number {
  const [tid = target.pid] = target.tids;
  const [registered = -1] = target.calls(tid, [['membarrier', getRegistrations, 0, 0]]);
  if (registered >= 0) return registered;
  return barriers
    .filter(({ barrier }) => target.calls(tid, [['membarrier', barrier, 0, 0]])[0] === 0)
    .reduce((bits, { registration }) => bits | registration, 0);
}
