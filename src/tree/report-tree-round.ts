import { untrackedOf } from '../dump/untracked.js';
import { memberOf } from '../image/index.js';
import type { Members } from './members.js';
import type { MemberRound } from './member-round.js';
import type { TakenRound } from './tree-round.js';
import type { MemberReport, TreeRoundReport } from './tree-reports.js';

/** What is told of a round that has been committed. */
export function reportTreeRound(
  taken: TakenRound,
  news: ReturnType<Members['takeNews']>,
): TreeRoundReport {
  const { meta, writer, rounds, segments, times, isFrozen } = taken;
  const members = rounds.map((round) => reportMember(round, taken));
  const sum = (of: (round: MemberRound) => number) =>
    rounds.reduce((total, round) => total + of(round), 0);
  const { nrPages, nrZeroPages, nrRefPages } = writer.counts;
  const { startMs, ...durations } = times;
  return {
    round: meta.number,
    kind: members.every(({ kind }) => kind === 'full') ? 'full' : 'delta',
    isFrozen,
    pages: nrPages,
    zeroPages: nrZeroPages,
    refPages: nrRefPages,
    bytes: writer.bytes,
    dirtyPages: sum(({ harvest }) => harvest?.nrPages ?? 0),
    pinnedPages: sum(({ harvest }) => harvest?.nrPinned ?? 0),
    rescannedRegions: sum(({ harvest }) => harvest?.nrRescans ?? 0),
    swappedVmas: sum(({ swap }) => swap.nrVmas),
    durationMs: performance.now() - startMs,
    freezeMs: Math.max(0, ...members.map(({ freezeMs }) => freezeMs)),
    ...durations,
    members,
    segments: segments.map(({ details: { segment, path, nrPages: size }, pages }) => ({
      segment,
      path,
      nrPages: size,
      pages,
    })),
    ...news,
  };
}

function reportMember(round: MemberRound, { meta, writer, freezeOf }: TakenRound): MemberReport {
  const { member, swap, vmas, stored, sharing, harvest } = round;
  const { pid, comm } = member.context.target;
  const { nrPages, nrZeroPages, nrRefPages } = writer.member(member.number).counts;
  const record = memberOf(meta, member.number);
  return {
    member: member.number,
    pid,
    comm,
    parent: member.parent,
    kind: record?.kind ?? 'full',
    isNew: member.firstRound === meta.number,
    pages: nrPages,
    zeroPages: nrZeroPages,
    refPages: nrRefPages,
    dirtyPages: harvest?.nrPages ?? 0,
    freezeMs: freezeOf(round),
    swappedVmas: swap.nrVmas,
    swappedPages: swap.nrPages,
    nrVmas: vmas.length,
    untracked: untrackedOf(vmas, stored),
    sharing,
  };
}
