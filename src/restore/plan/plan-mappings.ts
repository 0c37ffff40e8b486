import { PAGE_SIZE } from '../../image/page.js';
import { isFileBacked, type VmaRecord } from '../../image/index.js';
import type { AddressSpace } from './address-space.js';
import { map, open, PROT_WRITE } from './constants.js';
import type { RestoreInput } from './input.js';
import { ContentReads } from './plan-content.js';
import { planSegments } from './plan-segments.js';
import { call, type CheckFileStep, type Slot, type Step } from './step.js';

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
  const files = new PlannedFiles();
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

function mapStep(vma: VmaRecord, prot: number, file: Slot | number): Step {
  const address = vma.startPage * PAGE_SIZE;
  const length = (vma.endPage - vma.startPage) * PAGE_SIZE;
  const offset = file === -1 ? 0 : vma.offset;
  const args = [address, length, prot, mapFlags(vma), file, offset];
  return call('mmap', args, aboutOf(vma), { expect: address });
}

function mapFlags(vma: VmaRecord): number {
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
function finalSteps(vma: VmaRecord, prot: number): Step[] {
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

function hasFlag({ flags = '' }: VmaRecord): (flag: string) => boolean {
  const set = new Set(flags.split(' '));
  return (flag) => set.has(flag);
}

function aboutOf({ startPage, endPage, path }: VmaRecord): string {
  const [start, end] = [startPage, endPage].map((page) => (page * PAGE_SIZE).toString(16));
  return `${start ?? ''}-${end ?? ''} ${path}`.trimEnd();
}

/** The files that are mapped, each opened once for reading and once for writing. */
class PlannedFiles {
  readonly checks: CheckFileStep[] = [];
  readonly openSteps: Step[] = [];
  readonly closeSteps: Step[] = [];
  readonly #known = new Set<string>();

  of(vma: VmaRecord): Slot {
    const isWritable = vma.shared && hasFlag(vma)('mw');
    const { path } = vma;
    const slot = `${isWritable ? 'writable' : 'readable'} ${path}`;
    if (this.#known.has(slot)) return { slot };
    this.#known.add(slot);
    const mode = isWritable ? open.readWrite : open.readOnly;
    const args = [{ text: path }, mode | open.closeOnExec];
    this.openSteps.push(call('open', args, path, { result: slot }));
    this.closeSteps.push(call('close', [{ slot }], path));
    const check = checkOf(vma);
    if (check) this.checks.push(check);
    return { slot };
  }
}

/** Nothing where the file was not looked at. */
function checkOf({ path, inode, fileSize, fileMtimeNs }: VmaRecord): CheckFileStep | undefined {
  if (fileSize === undefined || fileMtimeNs === undefined) return undefined;
  const file = { path, inode, size: fileSize, mtimeNs: fileMtimeNs };
  return { op: 'check-file', file, about: 'a mapped file' };
}
