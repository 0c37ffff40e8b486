import type {
  EndedMember,
  MemberEnd,
  MemberReport,
  SkippedProcess,
  TreeRoundReport,
  TreeStopReport,
} from '../tree/tree-reports.js';
import { printable } from './printable.js';
import { type Column, formatTable } from './table.js';
import { formatBytes, formatCount, formatDuration, formatPages } from './units.js';

/** Lines of one kind that notes have at most. */
const maxNoted = 8;

/** The table of a tree's rounds as they are taken: wide enough for most, for rows come one by one. */
export const treeRoundColumns: readonly Column<TreeRoundReport>[] = [
  { title: 'round', value: ({ round }) => `${round}` },
  { title: 'kind', value: nameKind, width: 5, isLeft: true },
  { title: 'members', value: ({ members }) => `${members.length}` },
  { title: 'dirty', value: ({ dirtyPages }) => `${dirtyPages}`, width: 8 },
  { title: 'pages', value: ({ pages }) => `${pages}`, width: 8 },
  { title: 'refs', value: ({ refPages }) => `${refPages}`, width: 8 },
  { title: 'size', value: ({ bytes }) => formatBytes(bytes), width: 10 },
  { title: 'time', value: ({ durationMs }) => formatDuration(durationMs), width: 8 },
  { title: 'freeze', value: ({ freezeMs }) => formatDuration(freezeMs), width: 8 },
  { title: 'harvest', value: ({ harvestMs }) => formatDuration(harvestMs), width: 8 },
  { title: 'copy', value: ({ copyMs }) => formatDuration(copyMs), width: 8 },
  { title: 'commit', value: ({ commitMs }) => formatDuration(commitMs), width: 8 },
  { title: 'swapped', value: ({ swappedVmas }) => `${swappedVmas}` },
];

const memberColumns: readonly Column<MemberReport>[] = [
  { title: 'pid', value: ({ pid }) => `${pid}` },
  { title: 'name', value: ({ comm }) => printable(comm), isLeft: true },
  { title: 'kind', value: ({ kind }) => kind, isLeft: true },
  { title: 'dirty', value: ({ dirtyPages }) => `${dirtyPages}` },
  { title: 'pages', value: ({ pages }) => `${pages}` },
  { title: 'refs', value: ({ refPages }) => `${refPages}` },
  { title: 'freeze', value: ({ freezeMs }) => formatDuration(freezeMs) },
];

/** A member's end, with what the final round has stored of it. */
interface Ending {
  end: MemberEnd;
  round: MemberReport | undefined;
}

const endColumns: readonly Column<Ending>[] = [
  { title: 'pid', value: ({ end }) => `${end.pid}` },
  { title: 'name', value: ({ end }) => printable(end.comm), isLeft: true },
  { title: 'dirty', value: ({ round }) => `${round?.dirtyPages ?? '-'}` },
  { title: 'pages', value: ({ round }) => `${round?.pages ?? '-'}` },
  { title: 'refs', value: ({ round }) => `${round?.refPages ?? '-'}` },
  { title: 'put back', value: ({ end }) => `${end.revertedVmas}` },
  { title: 'freeze', value: ({ end }) => formatDuration(end.freezeMs) },
  { title: 'lost', value: ({ end }) => `${end.verify?.lostWrites ?? '-'}` },
];

/** A row for each member whose tracking has ended: for how long it stood, in all, and how it ended. */
export function formatEnds({ final, members }: TreeStopReport): string {
  const rounds = new Map(final.members.map((round) => [round.member, round]));
  const endings = members.map((end) => ({ end, round: rounds.get(end.member) }));
  return formatTable(endColumns, endings);
}

/** A row for each member of a round. */
export function formatMembers({ members }: TreeRoundReport): string {
  return formatTable(memberColumns, members);
}

/** Processes of a tree that are not in its images because they cannot be tracked. */
export function leftOut({ skipped }: TreeRoundReport): string[] {
  return skipped
    .filter(({ isNewborn }) => !isNewborn)
    .map(({ reason }) => `LEFT OUT: ${printable(reason)}`);
}

/** Who has come, gone and been left out, and what is not tracked, a line each. */
export function treeRoundNotes(report: TreeRoundReport): string[] {
  const { round, members, ended, skipped } = report;
  const joined = round === 0 ? [] : members.filter(({ isNew }) => isNew);
  return [
    ...leftOut(report),
    ...limit(skipped.filter(({ isNewborn }) => isNewborn).map(formatNewborn)),
    ...limit(joined.map(formatJoined)),
    ...limit(
      ended.map(
        ({ pid, comm, reason }) => `ended: pid ${pid} (${printable(comm)}), ${endReasons[reason]}`,
      ),
    ),
    ...limit(members.flatMap(untrackedNotes)),
    ...limit(members.flatMap(sharingNotes)),
  ];
}

const endReasons: Record<EndedMember['reason'], string> = {
  exited: 'exited',
  exec: 'has called exec',
  untracked: 'was put back by a stop that did not come to its end',
  'first-thread-exited': 'its first thread has exited: nobody can reach its memory any more',
};

function formatNewborn({ reason }: SkippedProcess): string {
  return `not yet: ${printable(reason)}`;
}

function formatJoined({ pid, comm, freezeMs }: MemberReport): string {
  return `joined: pid ${pid} (${printable(comm)}), it stood for ${formatDuration(freezeMs)}`;
}

function untrackedNotes({ pid, untracked }: MemberReport): string[] {
  return untracked.map(
    ({ kind, reason, nrVmas, pages }) =>
      `untracked: pid ${pid}, ${kind} (${reason}), ${formatCount(nrVmas, 'mapping')}, ` +
      formatPages(pages),
  );
}

function sharingNotes({ pid, sharing }: MemberReport): string[] {
  return sharing.map(
    ({ path, pids }) => `shared: ${printable(path)} of pid ${pid}, with pid ${pids.join(', ')}`,
  );
}

function limit(lines: readonly string[]): string[] {
  const shown = lines.slice(0, maxNoted);
  const nrMore = lines.length - shown.length;
  return nrMore === 0 ? shown : [...shown, `  and ${formatCount(nrMore, 'more line')} like these`];
}

function nameKind({ kind, isFrozen }: TreeRoundReport): string {
  return isFrozen ? 'final' : kind;
}
