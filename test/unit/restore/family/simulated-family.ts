import type {
  Backing,
  FamilyMapping,
  FamilyPlan,
  FamilyProcess,
  FamilyStep,
  PageRun,
} from '../../../../src/restore/family/family.js';

/** A page frame: who has the same object has the same page. */
interface Frame {
  content: number;
}

interface Slot {
  backing: Backing;
  frame: Frame | undefined;
}

/** A process' private memory, page by page, as fork, mmap, mremap, ... change it. */
export class SimulatedProcess {
  /** mapped pages */
  readonly slots = new Map<number, Slot>();

  fork(): SimulatedProcess {
    const child = new SimulatedProcess();
    for (const [page, slot] of this.slots) child.slots.set(page, { ...slot });
    return child;
  }

  map(start: number, end: number, backing: Backing): void {
    for (let page = start; page < end; page++) this.slots.set(page, { backing, frame: undefined });
  }

  unmap(start: number, end: number): void {
    for (let page = start; page < end; page++) this.slots.delete(page);
  }

  /** As mremap with a new address: what was there is unmapped. */
  move(from: number, to: number, nrPages: number): void {
    const moved = Array.from({ length: nrPages }, (_, i) => this.#at(from + i));
    this.unmap(from, from + nrPages);
    moved.forEach(({ backing, frame }, i) => {
      const { file, origin } = backing;
      this.slots.set(to + i, { backing: { file, origin: origin + from - to }, frame });
    });
  }

  drop(start: number, end: number): void {
    for (let page = start; page < end; page++) this.#at(page).frame = undefined;
  }

  write(page: number, content: number): void {
    this.#at(page).frame = { content };
  }

  #at(page: number): Slot {
    const slot = this.slots.get(page);
    if (!slot) throw new Error(`page ${page} is not mapped`);
    return slot;
  }

  /** What there is to see: each page's backing, and its frame. */
  get view(): { page: number; key: string; frame: Frame | undefined }[] {
    return [...this.slots]
      .map(([page, { backing, frame }]) => ({ page, key: keyOf(backing), frame }))
      .sort((a, b) => a.page - b.page);
  }
}

function keyOf({ file, origin }: Backing): string {
  return file === '' ? '' : `${file} ${origin}`;
}

/** Numbers the frames in the order in which a dump would store them. */
export class Contents {
  readonly #numbers = new Map<Frame, number>();

  of(frame: Frame): number {
    const known = this.#numbers.get(frame);
    if (known !== undefined) return known;
    const number = this.#numbers.size + 100;
    this.#numbers.set(frame, number);
    return number;
  }
}

/** What a planner is told of a process. */
export function describe(
  process: SimulatedProcess,
  contents: Contents,
  who: { parent: number | null; born: number },
): FamilyProcess {
  const mappings: FamilyMapping[] = [];
  const runs: PageRun[] = [];
  for (const [page, { backing, frame }] of [...process.slots].sort(([a], [b]) => a - b)) {
    const mapping = mappings.at(-1);
    const last = mapping && { file: mapping.file, origin: mapping.origin };
    if (mapping?.endPage === page && last && keyOf(last) === keyOf(backing)) mapping.endPage++;
    else mappings.push({ startPage: page, endPage: page + 1, ...backing });
    if (!frame) continue;
    const content = contents.of(frame);
    const run = runs.at(-1);
    const isNext =
      run?.page === page - (run?.nrPages ?? 0) && run.content + run.nrPages === content;
    if (run && isNext) run.nrPages++;
    else runs.push({ page, nrPages: 1, content });
  }
  return { ...who, mappings, runs };
}

/** Follows a plan. Returns the processes of the family, and how many pages were read. */
export function follow(plan: FamilyPlan): { made: Map<number, SimulatedProcess>; nrRead: number } {
  const made = new Map<number, SimulatedProcess>();
  const started = new Map<number, SimulatedProcess>();
  let nrRead = 0;
  plan.processes.forEach(({ process, parent, steps }, number) => {
    const memory = parent === null ? new SimulatedProcess() : started.get(number);
    if (!memory) throw new Error(`planned process ${number} has not been forked`);
    for (const step of steps) {
      if (step.do === 'fork') started.set(step.child, memory.fork());
      else nrRead += take(memory, step);
    }
    if (process !== null) made.set(process, memory);
  });
  return { made, nrRead };
}

function take(memory: SimulatedProcess, step: Exclude<FamilyStep, { do: 'fork' }>): number {
  switch (step.do) {
    case 'map':
      for (let page = step.startPage; page < step.endPage; page++)
        if (memory.slots.has(page)) throw new Error(`page ${page} is mapped already`);
      memory.map(step.startPage, step.endPage, { file: step.file, origin: step.origin });
      return 0;
    case 'unmap':
      memory.unmap(step.startPage, step.endPage);
      return 0;
    case 'move':
      memory.move(step.fromPage, step.toPage, step.nrPages);
      return 0;
    case 'drop':
      memory.drop(step.startPage, step.endPage);
      return 0;
    case 'read':
      for (let i = 0; i < step.nrPages; i++) memory.write(step.page + i, step.content + i);
      return step.nrPages;
  }
}
