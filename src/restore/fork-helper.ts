import { readFileSync } from 'node:fs';
import { TargetError } from '../errors.js';
import type { ForkHelperStep } from './plan/step.js';
import type { Stub } from './stub.js';

/** Numbers below are those of the system's first processes, again and again. */
const firstPid = 300;
const maxTries = 1000;

/** What runs the calls. */
export type HelperForker = Pick<Stub, 'tryFork'>;

/**
 * Forks a process with a number that nobody needs: the kernel's own choice may be one that a process of
 * the images is going to get.
 * @throws TargetError `NO_FREE_PID`; `RESTORE_CALL`
 */
export function forkHelper(
  stub: HelperForker,
  { process, flags, avoid, about }: ForkHelperStep,
  maxPid = readMaxPid(),
): void {
  const needed = new Set(avoid);
  let pid = firstPid + Math.floor(Math.random() * (maxPid - firstPid));
  for (let tries = 0; tries < maxTries + avoid.length; tries++) {
    pid = pid + 1 < maxPid ? pid + 1 : firstPid;
    if (!needed.has(pid) && stub.tryFork(process, pid, flags, about)) return;
  }
  throw new TargetError(
    'NO_FREE_PID',
    `cannot restore: no free process number was found for a process that helps with it (${about}); ` +
      'nothing is left',
    { facts: { tries: maxTries } },
  );
}

function readMaxPid(): number {
  return Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'));
}
