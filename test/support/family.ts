import { readFileSync } from 'node:fs';
import { statesOf, threadsOf } from './threads.js';
import { waitFor } from './wait-for.js';

/** Stops a process and all that descend from it by SIGSTOP, for the length of a call. */
export async function whileFamilyStands(pid: number, call: () => Promise<void>): Promise<void> {
  // The parent first: after that, no child is added.
  const family = [pid];
  try {
    await stop(pid);
    for (const member of family) {
      const children = childrenOf(member);
      family.push(...children);
      await Promise.all(children.map(stop));
    }
    await call();
  } finally {
    for (const member of family) signalIfAlive(member, 'SIGCONT');
  }
}

/** A child that exits while its parent is being stopped needs no stopping. */
function signalIfAlive(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

async function stop(pid: number): Promise<void> {
  if (!signalIfAlive(pid, 'SIGSTOP')) return;
  await waitFor(`pid ${pid} stopped`, () => statesOf(pid).every((state) => /[TZX]/.test(state)));
}

function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((tid) =>
    readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number),
  );
}
