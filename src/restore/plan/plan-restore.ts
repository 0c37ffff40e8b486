import { PAGE_SIZE } from '../../image/page.js';
import { AddressSpace, type AddressRange } from './address-space.js';
import { planFiles } from './files/plan-files.js';
import type { RestoreInput } from './input.js';
import { planDescriptorLimit, planGroups } from './plan-identity.js';
import { planMappings } from './plan-mappings.js';
import { planNamespace } from './plan-namespace.js';
import {
  kernelMappingsOf,
  planKernelMappings,
  planMemoryState,
  planProgram,
} from './plan-program.js';
import { planRights } from './plan-rights.js';
import { planActions } from './plan-signals.js';
import { finishedThreads, planClones, planThreadStates } from './plan-threads.js';
import { planTimerCreation, planTimers } from './plan-timers.js';
import type { Step } from './step.js';

/** For arguments of calls: strings, structures, lists of pages to read. */
export const areaBytes = 1 << 20;
const sigstop = 19;

/**
 * Everything that makes a process from its images, in order. Pure: nothing is looked at but the input.
 * @throws ImageError where something is missing, or does not fit
 */
export function planRestore(input: RestoreInput): Step[] {
  const { process, isInNamespace, inherited } = input;
  const { pid } = process.identity;
  const space = new AddressSpace([...mappedRanges(input), ...input.ownMappings]);
  const kernelMappings = kernelMappingsOf(input);
  const base = space.take(PAGE_SIZE + areaBytes);
  const scratch = space.take(kernelMappings.reduce((sum, { length }) => sum + length, PAGE_SIZE));
  const mappings = planMappings(input, space);
  const files = planFiles(input);
  const { exe, vdsoBuildId } = process.memory;
  return [
    { op: 'check-file', file: exe, about: 'the program' },
    ...mappings.checks,
    ...files.checks,
    { op: 'start', pid, isInNamespace, base, areaBytes, keptFds: [...new Set(inherited.values())] },
    { op: 'clear', vdsoBuildId, kernelMappings, scratch },
    ...planNamespace(input),
    ...planDescriptorLimit(input),
    ...files.firstSteps,
    ...planGroups(input),
    ...planProgram(input),
    ...planMemoryState(input),
    ...mappings.steps,
    ...files.keepSteps,
    ...mappings.closeSteps,
    ...planKernelMappings(input, scratch),
    ...files.steps,
    ...files.lateSteps,
    ...files.lockSteps,
    ...files.watchSteps,
    ...planClones(input),
    ...planActions(input),
    ...planThreadStates(input),
    ...planTimerCreation(input),
    ...planRights(input, files.lastSteps),
    ...planTimers(input),
    {
      op: 'finish',
      threads: finishedThreads(input),
      stopSignal: input.isStopped ? sigstop : process.signals.stopSignal,
    },
  ];
}

function mappedRanges({ vmas }: RestoreInput): AddressRange[] {
  return vmas.map(({ startPage, endPage }) => ({
    start: startPage * PAGE_SIZE,
    end: endPage * PAGE_SIZE,
  }));
}
