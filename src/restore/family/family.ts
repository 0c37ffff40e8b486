/** Stored pages at consecutive addresses, whose contents have consecutive numbers. */
export interface PageRun {
  page: number;
  nrPages: number;
  /** number of the first page's content: the same number is the same stored page */
  content: number;
}

/**
 * What a private mapping shows where it has no page of its own. Pages can only be where this is the
 * same: by fork at the same address, by mremap at any.
 */
export interface Backing {
  /** anonymous memory: '' */
  file: string;
  /** of a file: its page at page 0 of the address space, if the mapping reached there */
  origin: number;
}

/** A private mapping. */
export interface FamilyMapping extends Backing {
  startPage: number;
  /** page after the last one */
  endPage: number;
}

/** The private memory of a process that is to be restored together with others. */
export interface FamilyProcess {
  /** index of the parent in the family; null if it is none of them, or has ended */
  parent: number | null;
  /** orders the processes by age: a parent is older than its children */
  born: number;
  /** sorted, without overlaps */
  mappings: readonly FamilyMapping[];
  /** sorted by page, without overlaps, inside of mappings; pages of zeros are left out */
  runs: readonly PageRun[];
}

/** What a process does, in this order, until its private memory is as it was. */
export type FamilyStep =
  | ({ do: 'map' } & FamilyMapping)
  | { do: 'unmap'; startPage: number; endPage: number }
  | { do: 'move'; fromPage: number; toPage: number; nrPages: number }
  /** gives pages up: MADV_DONTNEED */
  | { do: 'drop'; startPage: number; endPage: number }
  | ({ do: 'read' } & PageRun)
  /** index of a planned process, whose steps follow on what its parent has now */
  | { do: 'fork'; child: number };

/** A process, and how it gets its private memory. */
export interface PlannedProcess {
  /** index in the family; null for one that only forks others and then ends */
  process: number | null;
  /** index of a planned process; null where the restorer starts it */
  parent: number | null;
  steps: FamilyStep[];
}

/** How a family gets its private memory, each stored page being read once. */
export interface FamilyPlan {
  /** parents come before their children */
  processes: PlannedProcess[];
  /** pages that a process has at two addresses, and has twice afterwards */
  repeatedPages: number;
}

/** Pages that nobody in a family maps. */
export interface FreePages {
  startPage: number;
  endPage: number;
}
