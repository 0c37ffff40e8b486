import type { InheritedFiles } from '../plan/files/plan-files.js';
import { planFiles } from '../plan/files/plan-files.js';
import type { RestoreInput } from '../plan/input.js';
import { finalSteps, mapStep } from '../plan/mapping-steps.js';
import { kernelMappingsOf, planKernelMappings, planMemoryState } from '../plan/plan-program.js';
import { planRights } from '../plan/plan-rights.js';
import { planActions } from '../plan/plan-signals.js';
import { finishedThreads, planClones, planThreadStates } from '../plan/plan-threads.js';
import { planTimerCreation, planTimers } from '../plan/plan-timers.js';
import { call, type CheckStep, type Slot, type Step } from '../plan/step.js';
import type { VmaRecord } from '../../image/index.js';
import { isPrivate } from './family-of.js';

const largestFd = 0xffffffff;
const sigstop = 19;
/** Of a mapping that may have been protected in whatever way. */
const unknownProtection = -1;

/** What all members get from the root, and where. */
export interface CommonPlaces {
  /** where the kernel's mappings are put aside */
  scratch: number;
  scratchBytes: number;
  /** the lowest of the descriptors that the root has made for all */
  firstFd: number;
  /** the file of shared memory, or that of a mapping */
  fileOf: (vma: VmaRecord) => Slot;
}

/** What a member does when all are forked and in their groups, in parts that come one after the other. */
export interface PlannedMember {
  checks: CheckStep[];
  /** makes what it is */
  makeSteps: Step[];
  /** when no member is going to touch a file any more */
  watchSteps: Step[];
  /** gives up what rights it does not have */
  limitSteps: Step[];
  /** what runs from here on */
  timerSteps: Step[];
  settleStep: Step;
}

/** All that a member is besides its private memory, its session and its group. */
export function planMember(
  input: RestoreInput,
  got: InheritedFiles,
  places: CommonPlaces,
): PlannedMember {
  const { process, isStopped } = input;
  const files = planFiles(input, got);
  return {
    checks: files.checks,
    makeSteps: [
      ...planMemoryState(input),
      ...mappingSteps(input, places),
      ...kernelMappingSteps(input, places),
      ...files.steps,
      ...files.lateSteps,
      call('close_range', [places.firstFd, largestFd, 0], 'what others need'),
      ...files.lockSteps,
      ...planClones(input),
      ...planActions(input),
      ...planThreadStates(input),
      ...planTimerCreation(input),
    ],
    watchSteps: files.watchSteps,
    limitSteps: [...planRights(input, files.lastSteps)],
    timerSteps: planTimers(input),
    settleStep: {
      op: 'settle',
      threads: finishedThreads(input),
      stopSignal: isStopped ? sigstop : process.signals.stopSignal,
    },
  };
}

function mappingSteps({ vmas }: RestoreInput, { fileOf }: CommonPlaces): Step[] {
  const maps: Step[] = [];
  const finals: Step[] = [];
  for (const vma of vmas) {
    if (vma.kind === 'special') continue;
    if (!isPrivate(vma)) maps.push(mapStep(vma, vma.prot, fileOf(vma)));
    finals.push(...finalSteps(vma, isPrivate(vma) ? unknownProtection : vma.prot));
  }
  return [...maps, ...finals];
}

function kernelMappingSteps(input: RestoreInput, { scratch, scratchBytes }: CommonPlaces): Step[] {
  if (scratchBytes === 0 || kernelMappingsOf(input).length > 0)
    return planKernelMappings(input, scratch);
  return [call('munmap', [scratch, scratchBytes], 'the vdso')];
}
