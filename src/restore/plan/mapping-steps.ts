import type { VmaRecord } from '../../image/index.js';
import { PAGE_SIZE } from '../../image/page.js';
import { map } from './constants.js';
import { call, type Slot, type Step } from './step.js';

/** Flags of `/proc/PID/smaps` that madvise sets, by its advice. */
const advices: Readonly<Record<string, number>> = {
  rr: 1,
  sr: 2,
  dc: 10,
  mg: 12,
  hg: 14,
  nh: 15,
  dd: 16,
  wf: 18,
};
const mlockOnFault = 1;

/** Makes a mapping at its place. */
export function mapStep(vma: VmaRecord, prot: number, file: Slot | number): Step {
  const address = vma.startPage * PAGE_SIZE;
  const length = (vma.endPage - vma.startPage) * PAGE_SIZE;
  const offset = file === -1 ? 0 : vma.offset;
  const args = [address, length, prot, mapFlags(vma), file, offset];
  return call('mmap', args, aboutOf(vma), { expect: address });
}

/** MAP_* of a mapping, as far as they last. */
export function mapFlags(vma: VmaRecord): number {
  const has = hasFlag(vma);
  return (
    map.fixedNoReplace |
    (vma.shared ? map.shared : map.private) |
    (vma.kind === 'anon-private' ? map.anonymous : 0) |
    (has('gd') ? map.growsDown : 0) |
    (has('nr') ? map.noReserve : 0)
  );
}

/** What a mapping gets when its content is there. */
export function finalSteps(vma: VmaRecord, prot: number): Step[] {
  const range = [vma.startPage * PAGE_SIZE, (vma.endPage - vma.startPage) * PAGE_SIZE] as const;
  const about = aboutOf(vma);
  const has = hasFlag(vma);
  const steps: Step[] = [];
  if (prot !== vma.prot) steps.push(call('mprotect', [...range, vma.prot], about));
  for (const [flag, advice] of Object.entries(advices))
    if (has(flag)) steps.push(call('madvise', [...range, advice], about));
  if (has('lo')) steps.push(call('mlock2', [...range, has('lf') ? mlockOnFault : 0], about));
  return steps;
}

/** Whether a mapping has a flag of `VmFlags`. */
export function hasFlag({ flags = '' }: VmaRecord): (flag: string) => boolean {
  const set = new Set(flags.split(' '));
  return (flag) => set.has(flag);
}

/** A mapping, for people. */
export function aboutOf({ startPage, endPage, path }: VmaRecord): string {
  const [start, end] = [startPage, endPage].map((page) => (page * PAGE_SIZE).toString(16));
  return `${start ?? ''}-${end ?? ''} ${path}`.trimEnd();
}
