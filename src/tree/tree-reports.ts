import type { Sharing, Untracked, VerifyReport } from '../dump/reports.js';

/** A process that has been left out, because it cannot be tracked. */
export interface SkippedProcess {
  pid: number;
  /** error code */
  code: string;
  reason: string;
  /** it was born a moment ago, and may be tracked in the next round */
  isNewborn: boolean;
}

/** A member that is one no more. */
export interface EndedMember {
  member: number;
  pid: number;
  comm: string;
  /**
   * `untracked`: a stop that did not come to its end has put it back; `first-thread-exited`: others
   * run, but nobody can reach its memory any more
   */
  reason: 'exited' | 'exec' | 'untracked' | 'first-thread-exited';
}

/** A member's part of a round. Times are in milliseconds. */
export interface MemberReport {
  member: number;
  pid: number;
  comm: string;
  /** of the member whose child it is, or null */
  parent: number | null;
  kind: 'full' | 'delta';
  /** its first round */
  isNew: boolean;
  /** pages stored for it, those of zeros included */
  pages: number;
  zeroPages: number;
  /** pages that were stored before, or for another member */
  refPages: number;
  dirtyPages: number;
  /** how long it stood because of this round; in a final round, until the round was stored */
  freezeMs: number;
  swappedVmas: number;
  swappedPages: number;
  nrVmas: number;
  untracked: Untracked[];
  /** with processes that are no members */
  sharing: Sharing[];
}

/** Shared memory that a round has stored once for all. */
export interface SegmentReport {
  segment: number;
  path: string;
  /** its size */
  nrPages: number;
  /** pages stored */
  pages: number;
}

/** What a round of a tree has done. Sizes are in bytes, times in milliseconds. */
export interface TreeRoundReport {
  round: number;
  /** full for all of its members */
  kind: 'full' | 'delta';
  isFrozen: boolean;
  pages: number;
  zeroPages: number;
  refPages: number;
  bytes: number;
  dirtyPages: number;
  pinnedPages: number;
  rescannedRegions: number;
  swappedVmas: number;
  durationMs: number;
  /** the longest that a member stood because of this round */
  freezeMs: number;
  harvestMs: number;
  copyMs: number;
  commitMs: number;
  members: MemberReport[];
  segments: SegmentReport[];
  ended: EndedMember[];
  skipped: SkippedProcess[];
}

/** How tracking of a member has ended. */
export interface MemberEnd {
  member: number;
  pid: number;
  comm: string;
  /** how long it stood, from its last instruction to its first one after */
  freezeMs: number;
  /** mappings put back */
  revertedVmas: number;
  verify: VerifyReport | null;
}

/** How tracking of a tree has ended. */
export interface TreeStopReport {
  final: TreeRoundReport;
  /** from the first member's last instruction to the last one's first */
  freezeMs: number;
  revertMs: number;
  members: MemberEnd[];
  /** over all members; null without `verify` */
  verify: Omit<VerifyReport, 'lostAddresses'> | null;
  isKilled: boolean;
}
