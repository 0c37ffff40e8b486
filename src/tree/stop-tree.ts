import { Verification } from '../dump/verify.js';
import { TreeResolver } from '../image/index.js';
import { hasEnded } from '../proc/ending.js';
import { killProcess } from '../proc/kill-process.js';
import type { StopOptions } from '../tracker.js';
import { FrozenMembers } from './frozen-members.js';
import type { TreeMember } from './tree-member.js';
import { isSameProcess } from './members.js';
import { takeTreeRound, type TreeState } from './tree-round.js';
import type { MemberEnd, TreeRoundReport, TreeStopReport } from './tree-reports.js';

/** A member whose tracking ends. */
interface Ending {
  member: TreeMember;
  /** null where nothing is to be compared */
  verification: Verification | null;
  /** the process has ended, and what it had cannot be compared any more */
  isCompared: boolean;
  revertedVmas: number;
  /** its memory is there no more: nothing is to be put back */
  isGone: boolean;
}

/**
 * Freezes all members, takes the final round, puts their memory back and lets them go on together.
 * On an error before that they go on, tracked.
 */
export async function stopTree(
  state: TreeState,
  { kill = false, verify = false }: StopOptions,
): Promise<TreeStopReport> {
  using frozen = new FrozenMembers();
  const final = await takeFinalRound(state, frozen);
  state.members.wasStopped = true;
  const endings = endingsOf(state, verify);
  await forEach(endings, async ({ verification }) => verification?.beforeRevert(), endVerification);
  const startMs = performance.now();
  let donePages = 0;
  await forEach(
    endings,
    async (ending) => {
      const { session, onProgress } = ending.member.context;
      onProgress?.({ phase: 'revert', donePages, totalPages: 0 });
      const { nrVmas, nrPages } = await session.revert(frozen.of(ending.member));
      ending.revertedVmas = nrVmas;
      donePages += nrPages;
    },
    endMember,
  );
  const revertMs = performance.now() - startMs;
  await forEach(
    endings,
    async ({ verification, isCompared }) => {
      if (!isCompared) await verification?.afterRevert();
    },
    endVerification,
  );
  const total = verify ? totalOf(endings) : null;
  // Wrong or incomplete images must not be all that is left of the targets.
  const isKilled = kill && isComplete(final) && (total?.lostWrites ?? 0) === 0;
  if (isKilled) for (const ending of endings) killMember(ending);
  frozen.thaw();
  const freezeMs = frozen.totalMs;
  const members = endings.map((ending) => endOf(ending, frozen));
  return { final, freezeMs, revertMs, members, verify: total, isKilled };
}

/** Everybody stands before anything is harvested; who is found meanwhile, too. */
async function takeFinalRound(state: TreeState, frozen: FrozenMembers): Promise<TreeRoundReport> {
  const { members } = state;
  members.refresh();
  for (const member of members.all) {
    member.context.onProgress?.({ phase: 'freeze', donePages: 0, totalPages: 0 });
    await members.holdOld(member, frozen);
  }
  const joined = await members.join(frozen, 'final');
  const swapped = await members.swap(joined, frozen);
  return takeTreeRound(state, { swapped, freezeMs: () => 0, frozen });
}

function endingsOf({ members, images }: TreeState, verify: boolean): Ending[] {
  const resolver = new TreeResolver(images.rounds);
  return members.all.map((member) => {
    const { context, previous, number } = member;
    const vmas = previous?.vmas ?? [];
    const options = { ...context, images, resolver, member: number, vmas };
    const verification = verify ? new Verification(options) : null;
    return { member, verification, isCompared: false, revertedVmas: 0, isGone: false };
  });
}

/** With it, who runs on its memory. They stand, so their pids are their own still. */
function killMember({ member, isGone }: Ending): void {
  if (isGone) return;
  if (isSameProcess(member.context.target)) killProcess(member.pid);
  for (const pid of member.extraTids) killProcess(pid);
}

/**
 * One that dies while it stands is left out; the others go on.
 * @param leaveOut whether that is so, of one whose work has failed
 */
async function forEach(
  endings: readonly Ending[],
  work: (ending: Ending) => Promise<unknown>,
  leaveOut: (ending: Ending) => Promise<boolean>,
): Promise<void> {
  for (const ending of endings) {
    if (ending.isGone) continue;
    try {
      await work(ending);
    } catch (error) {
      if (!(await leaveOut(ending))) throw error;
    }
  }
}

/**
 * The memory of one that has ended cannot be compared any more, what was found of it counts; another
 * process may have it still.
 */
async function endVerification(ending: Ending): Promise<boolean> {
  if (!(await hasEnded(ending.member.pid))) return false;
  ending.isCompared = true;
  return true;
}

async function endMember(ending: Ending): Promise<boolean> {
  ending.isGone = await ending.member.isGone();
  return ending.isGone;
}

function isComplete({ members }: TreeRoundReport): boolean {
  return members.every(({ untracked }) => untracked.every(({ kind }) => kind !== 'special'));
}

function totalOf(endings: readonly Ending[]): NonNullable<TreeStopReport['verify']> {
  const total = {
    pages: 0,
    lostWrites: 0,
    changedByOthers: 0,
    unreadable: 0,
    beyondEnd: 0,
    durationMs: 0,
  };
  for (const { verification } of endings) {
    if (!verification) continue;
    const { report } = verification;
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += report[name];
  }
  return total;
}

function endOf({ member, verification, revertedVmas }: Ending, frozen: FrozenMembers): MemberEnd {
  const { pid, comm } = member.context.target;
  const verify = verification?.report ?? null;
  const freezeMs = frozen.freezeMs(member);
  return { member: member.number, pid, comm, freezeMs, revertedVmas, verify };
}
