import type { VmaKind } from '../kernel/layout.js';

/** Memory of a target that is not tracked: it is dumped in full each round. */
export interface Untracked {
  kind: VmaKind;
  /** why: `kind`, `stack`, `locked`, `special-flags`, `huge`, or `swappable` for what is new */
  reason: string;
  nrVmas: number;
  /** pages that the mappings span, resident or not */
  pages: number;
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
  /** taking the dirty log and write-protecting its pages */
  harvestMs: number;
  copyMs: number;
  /** until the round is safely on disk */
  commitMs: number;
  /** pages in the dirty log that was taken */
  dirtyPages: number;
  /** of which the kernel may write without a fault: they stay in the log */
  pinnedPages: number;
  /** mappings swapped by this round, and pages copied for that while the target stood */
  swappedVmas: number;
  swappedPages: number;
  nrVmas: number;
  untracked: Untracked[];
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
  /** pages that could not be read */
  unreadable: number;
  durationMs: number;
}

/** How tracking has ended. */
export interface StopReport {
  final: RoundReport;
  /** how long the target stood, from its last instruction to its first one after */
  freezeMs: number;
  revertMs: number;
  /** mappings put back */
  revertedVmas: number;
  verify: VerifyReport | null;
  isKilled: boolean;
}

/** Where a long operation is. */
export interface Progress {
  phase: 'freeze' | 'swap' | 'harvest' | 'copy' | 'commit' | 'revert' | 'verify';
  donePages: number;
  /** 0 where it is not known */
  totalPages: number;
}
