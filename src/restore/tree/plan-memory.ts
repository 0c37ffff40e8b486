import type { VmaRecord } from '../../image/index.js';
import { indexOfVma, vmaAt } from '../../image/vma-record.js';
import { PAGE_SIZE } from '../../image/page.js';
import type { FamilyMapping, FamilyStep, PageRun } from '../family/family.js';
import { map, PROT_WRITE } from '../plan/constants.js';
import { aboutOf } from '../plan/mapping-steps.js';
import { sortByFilePage } from '../plan/plan-content.js';
import { call, type Slot, type Step } from '../plan/step.js';
import type { Backings } from './backings.js';
import type { ContentNumbers } from './content-numbers.js';
import { isPrivate } from './family-of.js';
import type { TreeMember } from './tree-input.js';
import type { TreeProcess } from './tree-process.js';

const readWrite = 3;
const dontNeed = 4;
const zeros = '/dev/zero';

/** Where the files are that memory comes from. */
export interface MemorySources {
  numbers: ContentNumbers;
  backings: Backings;
  /** the descriptor of a mapped file */
  fileOf: (vma: VmaRecord) => Slot;
  /** of a round's pages file, or of zeros */
  contentOf: (source: number | typeof zeros) => Slot;
}

/** A process' private memory, in parts between which it forks. */
export interface PlannedMemory {
  /** leaves alone of what its parent had what it has too */
  clearSteps: Step[];
  /** what it does until the n-th child is forked */
  untilFork: Step[][];
  /** what it does afterwards */
  lastSteps: Step[];
}

/** Turns the steps of a family's plan into those of a process. */
export function planMemory(process: TreeProcess, sources: MemorySources): PlannedMemory {
  return new MemoryPlan(process, sources).run();
}

class MemoryPlan {
  readonly #process: TreeProcess;
  readonly #sources: MemorySources;
  readonly #vmas: readonly VmaRecord[];
  /** mappings that something is read into */
  readonly #written: ReadonlySet<VmaRecord>;
  #reads: PageRun[] = [];
  #isWritable = false;
  #steps: Step[] = [];

  constructor(process: TreeProcess, sources: MemorySources) {
    this.#process = process;
    this.#sources = sources;
    this.#vmas = process.member?.vmas ?? [];
    this.#written = writtenMappings(process);
    // The root makes all of its mappings itself, as they have to be.
    this.#isWritable = process.parent === null;
  }

  run(): PlannedMemory {
    const { steps } = this.#process;
    const start = steps.findIndex((step) => !isClearing(step));
    const nrClearing = start < 0 ? steps.length : start;
    for (const step of steps.slice(0, nrClearing)) this.#add(step);
    const clearSteps = this.#take();
    const untilFork: Step[][] = [];
    for (const step of steps.slice(nrClearing)) {
      if (step.do === 'fork') untilFork.push(this.#take());
      else this.#add(step);
    }
    this.#flushReads();
    this.#addZeros();
    return { clearSteps, untilFork, lastSteps: this.#take() };
  }

  #take(): Step[] {
    this.#flushReads();
    const steps = this.#steps;
    this.#steps = [];
    return steps;
  }

  #add(step: FamilyStep): void {
    if (step.do === 'read') {
      this.#reads.push(step);
      return;
    }
    this.#flushReads();
    switch (step.do) {
      case 'map':
        this.#steps.push(...this.#mapSteps(step));
        return;
      case 'unmap':
        this.#steps.push(call('munmap', rangeOf(step), 'what its parent has'));
        return;
      case 'drop':
        this.#steps.push(call('madvise', [...rangeOf(step), dontNeed], 'pages of its parent'));
        return;
      case 'move': {
        const { fromPage, toPage, nrPages } = step;
        this.#steps.push({ op: 'move', fromPage, toPage, nrPages });
        return;
      }
      case 'fork':
    }
  }

  /** Its own mappings as they have to be, what it only has for descendants with all rights. */
  #mapSteps({ startPage, endPage, ...backing }: FamilyMapping): Step[] {
    const { vma, flags } = this.#sources.backings.kindOf(backing);
    const own = this.#ownAt(startPage, backing);
    const prot = own ? this.#protOf(own) : readWrite;
    const [address, length] = rangeOf({ startPage, endPage });
    const isAnonymous = (flags & map.anonymous) !== 0;
    const file = isAnonymous ? -1 : this.#sources.fileOf(vma);
    const offset = isAnonymous ? 0 : (startPage + backing.origin) * PAGE_SIZE;
    const about = aboutOf({ ...vma, startPage, endPage });
    return [call('mmap', [address, length, prot, flags, file, offset], about, { expect: address })];
  }

  #ownAt(page: number, backing: { file: string; origin: number }): VmaRecord | undefined {
    const vma = vmaAt(this.#vmas, page);
    if (!vma || !isPrivate(vma)) return undefined;
    const own = this.#sources.backings.of(vma);
    return own.file === backing.file && own.origin === backing.origin ? vma : undefined;
  }

  #protOf(vma: VmaRecord): number {
    return this.#written.has(vma) ? vma.prot | PROT_WRITE : vma.prot;
  }

  #flushReads(): void {
    if (this.#reads.length === 0) return;
    this.#makeWritable();
    this.#makeCarriersWritable();
    const { numbers, contentOf } = this.#sources;
    const byRound = new Map<number, number[]>();
    for (const { page, nrPages, content } of this.#reads) {
      const { round, filePage } = numbers.placeOf(content);
      const runs = byRound.get(round) ?? [];
      byRound.set(round, runs);
      runs.push(page, filePage, nrPages);
    }
    this.#reads = [];
    for (const [round, runs] of byRound)
      this.#steps.push({
        ...({ op: 'read', about: 'private memory' } as const),
        ...{ file: contentOf(round), runs: sortByFilePage(runs) },
      });
  }

  /** What it got by fork may be protected, as it is there. */
  #makeWritable(): void {
    if (this.#isWritable) return;
    this.#isWritable = true;
    for (const vma of this.#written)
      this.#steps.push(call('mprotect', [...rangeOf(vma), this.#protOf(vma)], aboutOf(vma)));
  }

  /** What it has for descendants alone may be a mapping of its parent, too. */
  #makeCarriersWritable(): void {
    if (this.#process.parent === null) return;
    for (const { page, nrPages } of this.#reads) {
      const vma = vmaAt(this.#vmas, page);
      if (vma && isPrivate(vma) && page + nrPages <= vma.endPage) continue;
      const range = rangeOf({ startPage: page, endPage: page + nrPages });
      this.#steps.push(call('mprotect', [...range, readWrite], 'pages for others'));
    }
  }

  /** Zeros where a file has something else. */
  #addZeros(): void {
    const { member } = this.#process;
    if (!member) return;
    const runs: number[] = [];
    for (const vma of this.#vmas)
      if (vma.kind === 'file-private')
        for (const { page, nrPages, isZero } of member.pages.entries(vma.startPage, vma.endPage))
          if (isZero) runs.push(page, page, nrPages);
    if (runs.length === 0) return;
    this.#makeWritable();
    const file = this.#sources.contentOf(zeros);
    this.#steps.push({ op: 'read', file, runs: Float64Array.from(runs), about: 'zeros' });
  }
}

function isClearing({ do: what }: FamilyStep): boolean {
  return what === 'unmap' || what === 'move';
}

function rangeOf({ startPage, endPage }: { startPage: number; endPage: number }) {
  return [startPage * PAGE_SIZE, (endPage - startPage) * PAGE_SIZE] as const;
}

function writtenMappings({ member, steps }: TreeProcess): Set<VmaRecord> {
  const written = new Set<VmaRecord>();
  if (!member) return written;
  const { vmas } = member;
  for (const step of steps) {
    if (step.do !== 'read') continue;
    const end = step.page + step.nrPages;
    for (let i = indexOfVma(vmas, step.page); (vmas[i]?.startPage ?? end) < end; i++) {
      const vma = vmas[i];
      if (vma && isPrivate(vma)) written.add(vma);
    }
  }
  for (const vma of vmas)
    if (vma.kind === 'file-private' && hasZeros(vma, member)) written.add(vma);
  return written;
}

function hasZeros({ startPage, endPage }: VmaRecord, { pages }: TreeMember): boolean {
  for (const { isZero } of pages.entries(startPage, endPage)) if (isZero) return true;
  return false;
}
