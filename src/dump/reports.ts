import type { VmaKind } from '../kernel/layout.js';
import type { StoredProcess } from './process/store-tracked.js';

/** Memory of a target that is not tracked: it is dumped in full each round. */
export interface Untracked {
  kind: VmaKind;
  /**
   * why: `kind`, `stack`, `special-flags`, `huge`, `hugetlb`, `sealed`, `mostly-unwritten`, or
   * `swappable` for what is new
   */
  reason: string;
  nrVmas: number;
  /** pages that the mappings span, resident or not */
  pages: number;
  /** pages that the round has stored of them */
  storedPages: number;
  /** of the mappings: path, label, or address where there is neither; not all where they are many */
  names: string[];
}

/** Shared memory that processes besides the target map. What they write is seen. */
export interface Sharing {
  path: string;
  startPage: number;
  endPage: number;
  /** those processes when the mapping was new; 0 for one outside this pid namespace */
  pids: readonly number[];
}

/** For what the target stood, in milliseconds; all 0 where it did not. */
export interface FreezeTimes {
  /** from its last instruction to its first one after; also what is not listed here */
  totalMs: number;
  /** until all of its threads stood */
  stopMs: number;
  swapMs: number;
  harvestMs: number;
  copyMs: number;
  commitMs: number;
  revertMs: number;
  verifyMs: number;
  /** looking at the process, for what it is besides its memory */
  processMs: number;
}

/** What a round has done. Sizes are in bytes, times in milliseconds. */
export interface RoundReport {
  round: number;
  kind: 'full' | 'delta';
  /** pages stored, those of zeros included */
  pages: number;
  zeroPages: number;
  /** page data written to the images */
  bytes: number;
  durationMs: number;
  /** how long the target stood because of this round; 0 where it did not */
  freezeMs: number;
  freeze: FreezeTimes;
  /** taking the dirty log and write-protecting its pages */
  harvestMs: number;
  copyMs: number;
  /** until the round is safely on disk */
  commitMs: number;
  /** pages in the dirty log that was taken */
  dirtyPages: number;
  /** of which the kernel may write without a fault: they stay in the log */
  pinnedPages: number;
  /** regions of shared memory that were taken whole: a system call has changed the file */
  rescannedRegions: number;
  /** mappings swapped by this round, and pages copied for that while the target stood */
  swappedVmas: number;
  swappedPages: number;
  nrVmas: number;
  untracked: Untracked[];
  sharing: Sharing[];
  epoch: number;
  isFrozen: boolean;
}

/** What `--verify` has found. */
export interface VerifyReport {
  /** pages compared */
  pages: number;
  /** pages that differ from what the images say; 0, or something is badly wrong */
  lostWrites: number;
  /** addresses of some of those pages */
  lostAddresses: string[];
  /** pages of shared memory that other processes have changed since the final harvest */
  changedByOthers: number;
  /** pages that could not be read */
  unreadable: number;
  /** pages behind the end of the file that they map: there is nothing to compare */
  beyondEnd: number;
  durationMs: number;
}

/** How tracking has ended. */
export interface StopReport {
  final: RoundReport;
  /** how long the target stood, from its last instruction to its first one after */
  freezeMs: number;
  freeze: FreezeTimes;
  revertMs: number;
  /** mappings put back */
  revertedVmas: number;
  verify: VerifyReport | null;
  /** what the images have of the process besides its memory; null where they cannot */
  process: StoredProcess | null;
  /** why they cannot: it is not possible to restore it */
  notRestorable: string | null;
  isKilled: boolean;
}

/** Where a long operation is. */
export interface Progress {
  phase: 'freeze' | 'swap' | 'harvest' | 'copy' | 'commit' | 'revert' | 'verify';
  donePages: number;
  /** 0 where it is not known */
  totalPages: number;
}

/** The freeze of a target that did not stand. */
export const noFreeze: FreezeTimes = {
  totalMs: 0,
  stopMs: 0,
  swapMs: 0,
  harvestMs: 0,
  copyMs: 0,
  commitMs: 0,
  revertMs: 0,
  verifyMs: 0,
  processMs: 0,
};
