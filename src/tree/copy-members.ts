import { copyPlan } from '../dump/copy-plan.js';
import { planRound } from '../dump/plan.js';
import { memoryRanges } from '../dump/sources.js';
import type { ImagesInWork } from '../image/index.js';
import { residentsOf } from '../kernel/session-batch.js';
import { storeShared } from './copy-shared.js';
import { storeReadOnly } from './copy-untracked.js';
import { planHeir, withoutCleared } from './heir-plan.js';
import { partsOf } from './layout-parts.js';
import type { MemberPlan, MemberRound } from './member-round.js';
import type { StoredPages } from './stored-pages.js';
import type { TreeMember } from './tree-member.js';

/** The round of whom a member was forked from, as long as that one lives. */
export type ParentOf = (round: MemberRound) => MemberRound | undefined;

/** Plans what to store of each member; of what is not tracked it is looked up what there is. */
export async function planMembers(
  rounds: readonly MemberRound[],
  parentOf: ParentOf,
  isFrozen: boolean,
): Promise<void> {
  const asked = [];
  for (const round of rounds) {
    const made = planMember(round, parentOf(round), isFrozen);
    round.plan = made;
    const ranges = memoryRanges(made.plan.memory);
    if (ranges.length > 0) asked.push({ made, session: round.member.context.session, ranges });
  }
  if (asked.length === 0) return;
  const residents = await residentsOf(asked);
  for (const [i, { made }] of asked.entries()) {
    const resident = residents[i];
    if (resident) made.resident = resident;
  }
}

/** What a plan is made from. */
interface PlannedRound extends Pick<MemberRound, 'vmas' | 'harvest' | 'plan'> {
  member: Pick<TreeMember, 'lineage' | 'isStored' | 'previous'>;
}

/**
 * What to store of a member.
 * @param parent the round of whom it was forked from, as long as that one lives
 */
export function planMember(
  { member, vmas, harvest }: Omit<PlannedRound, 'plan'>,
  parent: Pick<MemberRound, 'vmas'> | undefined,
  isFrozen: boolean,
): MemberPlan {
  const { lineage, isStored, previous } = member;
  const { own } = partsOf(vmas);
  const isHeir = lineage !== null && parent !== undefined && !isStored;
  const heir = isHeir ? planHeir(own, parent.vmas, lineage.lastRegion) : null;
  const plan = planRound({
    vmas: own,
    previous: heir?.known ?? (previous ? partsOf(previous.vmas).own : null),
    runs: harvest?.runs ?? new Float64Array(0),
    isOverflow: harvest?.overflow ?? false,
    isFinal: isFrozen,
  });
  return { plan, heir };
}

/**
 * The plan as it was made. Where there is nobody to inherit from any more, another one: all that the
 * member has is stored. What is not tracked is planned alike, so what was looked up of it still counts.
 */
export function currentPlan(
  round: PlannedRound,
  parent: Pick<MemberRound, 'vmas'> | undefined,
  isFrozen: boolean,
): MemberPlan {
  const { plan } = round;
  if (plan && (parent || !plan.heir)) return plan;
  return { ...plan, ...planMember(round, undefined, isFrozen) };
}

/** What is common to the members that are copied. */
export interface CopyMembersOptions extends ImagesInWork {
  donors: StoredPages;
  /** of memory that is not tracked, by page frame */
  frames: StoredPages;
  parentOf: ParentOf;
  isFrozen: boolean;
}

/**
 * Stores what is planned of a member.
 * @throws TargetError `NO_SUCH_PROCESS` where it has ended: what was read may be another program's
 */
export async function copyMember(
  round: MemberRound,
  { images, writer, donors, frames, parentOf, isFrozen }: CopyMembersOptions,
): Promise<void> {
  const { member, harvest, isSame } = round;
  const parent = parentOf(round);
  const { plan, heir, resident } = currentPlan(round, parent, isFrozen);
  const memberWriter = writer.member(member.number);
  if (heir && parent)
    for (const range of withoutCleared(heir.inherited, plan.cleared.view()))
      memberWriter.inherit(range.page, range.nrPages, parent.member.number, range.fromPage);
  const shared = { donors, round: writer.number };
  const store = { frames, images, writer };
  round.stored = await copyPlan(member.context, plan, {
    writer: memberWriter,
    totalPages: harvest?.nrPages ?? 0,
    isFrozen,
    resident,
    storeShared: (target, regions) => storeShared(target, regions, shared),
    storeReadOnly: (target, pages) => storeReadOnly(target, pages, store),
  });
  // After an exec the process' memory is another one's. Nobody refers to these pages yet.
  const isRead = plan.memory.length + plan.nameless.length + plan.segments.length > 0;
  if (isRead || !isSame) await member.context.session.layout();
}
