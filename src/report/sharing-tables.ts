import type { MemberSharing, PageSharing, SegmentSharing } from '../image/page-sharing.js';
import { printable } from './printable.js';
import { type Column, formatTable } from './table.js';
import { formatCount, formatPages } from './units.js';

/** Processes that a row names, and rows that a table has at most. */
const maxNamed = 8;
const maxGroups = 32;

const memberColumns: readonly Column<MemberSharing>[] = [
  { title: 'pid', value: ({ pid }) => `${pid}` },
  { title: 'name', value: ({ comm }) => printable(comm), isLeft: true },
  { title: 'pages', value: ({ pages }) => `${pages}` },
  { title: 'shared', value: ({ sharedPages }) => `${sharedPages}` },
  { title: 'own', value: ({ ownPages }) => `${ownPages}` },
];

const groupColumns: readonly Column<{ pages: number; pids: readonly number[] }>[] = [
  { title: 'pages', value: ({ pages }) => `${pages}` },
  { title: 'size', value: ({ pages }) => formatPages(pages) },
  { title: 'shared by pid', value: ({ pids }) => namePids(pids), isLeft: true },
];

const segmentColumns: readonly Column<SegmentSharing & { pids: readonly number[] }>[] = [
  { title: 'segment', value: ({ segment }) => `${segment}` },
  { title: 'size', value: ({ nrPages }) => formatPages(nrPages) },
  { title: 'stored', value: ({ storedPages }) => `${storedPages}` },
  { title: 'mapped by pid', value: ({ pids }) => namePids(pids), isLeft: true },
  { title: 'name', value: ({ path }) => printable(path), isLeft: true },
];

/** Who shares what: a table of the members, one of groups of them, one of segments. */
export function formatSharing({ members, groups, segments }: PageSharing): string {
  const pids = new Map(members.map(({ member, pid }) => [member, pid]));
  const pidsOf = (list: readonly number[]) => list.map((member) => pids.get(member) ?? 0);
  const rows = groups
    .slice(0, maxGroups)
    .map(({ pages, members: sharers }) => ({ pages, pids: pidsOf(sharers) }));
  const tables = [formatTable(memberColumns, members)];
  if (rows.length > 0) tables.push(formatTable(groupColumns, rows));
  if (groups.length > maxGroups)
    tables.push(`and ${formatCount(groups.length - maxGroups, 'more group')}`);
  const mapped = segments.map((segment) => ({ ...segment, pids: pidsOf(segment.members) }));
  if (mapped.length > 0) tables.push(formatTable(segmentColumns, mapped));
  return tables.join('\n\n');
}

function namePids(pids: readonly number[]): string {
  const named = pids.slice(0, maxNamed).join(', ');
  return pids.length > maxNamed ? `${named} and ${pids.length - maxNamed} more` : named;
}
