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
    for (const member of family) process.kill(member, 'SIGCONT');
  }
}

async function stop(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await waitFor(`pid ${pid} stopped`, () => statesOf(pid).every((state) => /[TZ]/.test(state)));
}

function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((tid) =>
    readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number),
  );
}
