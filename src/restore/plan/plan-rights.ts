import type { RestoreInput } from './input.js';
import { planDumpable, planLimits, planSurroundings } from './plan-identity.js';
import { planPending } from './plan-signals.js';
import { planLeftTimes, planThreadCredentials } from './plan-threads.js';
import type { Step } from './step.js';

/**
 * Gives up the rights that the process does not have, and what comes after that, in an order in which
 * each step may still do what it does.
 * @param fileSteps of its open files: who owns them, sizes of terminals
 */
export function planRights(input: RestoreInput, fileSteps: readonly Step[]): Step[] {
  return [
    ...planLimits(input),
    ...planSurroundings(input),
    ...planThreadCredentials(input),
    ...fileSteps,
    ...planDumpable(input),
    ...planPending(input),
    ...planLeftTimes(input),
  ];
}
