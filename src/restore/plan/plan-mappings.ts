import { isFileBacked, type VmaRecord } from '../../image/index.js';
import type { AddressSpace } from './address-space.js';
import { PROT_WRITE } from './constants.js';
import type { RestoreInput } from './input.js';
import { MappedFilesPlan } from './mapped-files.js';
import { finalSteps, mapStep } from './mapping-steps.js';
import { ContentReads } from './plan-content.js';
import { planSegments } from './plan-segments.js';
import type { CheckFileStep, Step } from './step.js';

/** The steps that make a process' memory. */
export interface PlannedMappings {
  checks: CheckFileStep[];
  steps: Step[];
  /** closes what open files may still be made of, at numbers that those are going to need */
  closeSteps: Step[];
}

/** Every mapping but the kernel's own, at its place and with its content. */
export function planMappings(input: RestoreInput, space: AddressSpace): PlannedMappings {
  const segments = planSegments(input, space);
  const files = new MappedFilesPlan();
  const reads = new ContentReads();
  const maps: Step[] = [];
  const finals: Step[] = [];
  for (const vma of input.vmas) {
    if (vma.kind === 'special') continue;
    const isWritten = addContent(input, vma, reads);
    const prot = isWritten ? vma.prot | PROT_WRITE : vma.prot;
    const file = isFileBacked(vma) ? files.of(vma) : segments.fileOf(vma);
    maps.push(mapStep(vma, prot, vma.kind === 'anon-private' ? -1 : file));
    finals.push(...finalSteps(vma, prot));
  }
  const content = reads.take(input.pagesPath, 'the memory');
  const steps = [
    ...segments.steps,
    ...files.openSteps,
    ...maps,
    ...content,
    ...files.closeSteps,
    ...finals,
  ];
  return { checks: files.checks, steps, closeSteps: segments.closeSteps };
}

/** Whether anything is to be read into a mapping: shared memory has its content already. */
function addContent({ pages }: RestoreInput, vma: VmaRecord, reads: ContentReads): boolean {
  if (vma.segment !== undefined || vma.kind === 'file-shared') return false;
  return reads.add(pages, vma.startPage, vma.endPage, 0, vma.kind === 'file-private');
}
