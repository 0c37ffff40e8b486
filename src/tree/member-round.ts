import type { RoundPlan } from '../dump/plan.js';
import type { Sharing } from '../dump/reports.js';
import type { SwapResult } from '../dump/swap-new.js';
import type { VmaRecord } from '../image/index.js';
import type { Outcome } from '../kernel/session-batch.js';
import type { Harvest } from '../native.js';
import type { HeirPlan } from './heir-plan.js';
import type { SegmentMapper } from './segments.js';
import type { TreeMember } from './tree-member.js';

/** A member in a round that is being taken. */
export interface MemberRound {
  member: TreeMember;
  swap: SwapResult;
  vmas: readonly VmaRecord[];
  /** the layout is that of the round before */
  isSame: boolean;
  sharing: Sharing[];
  /** of one that maps SysV memory */
  ipcNamespace: string | undefined;
  harvest?: Harvest;
  /** its harvest is the one that counts for what was written to a segment */
  isHarvester: boolean;
  /** what to store of it */
  plan?: MemberPlan;
  /** pages stored of mappings that are not tracked */
  stored: ReadonlyMap<VmaRecord, number>;
}

/** What `Segments` wants to know of members. */
export function mappersOf(rounds: readonly MemberRound[]): SegmentMapper[] {
  return rounds.map(({ member, vmas, ipcNamespace }) => ({
    number: member.number,
    vmas,
    ipcNamespace,
    isFull: member.previous === null,
  }));
}

/** What to store of a member. */
export interface MemberPlan {
  plan: RoundPlan;
  heir: HeirPlan | null;
  /** pages that exist of what is not tracked; absent where nothing of that kind is stored */
  resident?: Outcome<Float64Array>;
}
