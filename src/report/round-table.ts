import type { RoundReport, Untracked } from '../dump/reports.js';
import type { Column } from './table.js';
import { formatBytes, formatCount, formatDuration, formatPages } from './units.js';

/** The table of rounds as they are taken: wide enough for most, for rows come one by one. */
export const roundColumns: readonly Column<RoundReport>[] = [
  { title: 'round', value: ({ round }) => `${round}` },
  { title: 'kind', value: nameKind, width: 5, isLeft: true },
  { title: 'dirty', value: ({ dirtyPages }) => `${dirtyPages}`, width: 8 },
  { title: 'pages', value: ({ pages }) => `${pages}`, width: 8 },
  { title: 'zero', value: ({ zeroPages }) => `${zeroPages}`, width: 7 },
  { title: 'size', value: ({ bytes }) => formatBytes(bytes), width: 10 },
  { title: 'time', value: ({ durationMs }) => formatDuration(durationMs), width: 8 },
  { title: 'freeze', value: ({ freezeMs }) => formatDuration(freezeMs), width: 8 },
  { title: 'harvest', value: ({ harvestMs }) => formatDuration(harvestMs), width: 8 },
  { title: 'copy', value: ({ copyMs }) => formatDuration(copyMs), width: 8 },
  { title: 'commit', value: ({ commitMs }) => formatDuration(commitMs), width: 8 },
  { title: 'swapped', value: ({ swappedVmas }) => `${swappedVmas}` },
];

/** What a round's row has no column for: `pinned: ...` and `untracked: ...`, a line each. */
export function roundNotes({ pinnedPages, untracked }: RoundReport): string[] {
  const notes = untracked.map(formatUntracked);
  if (pinnedPages === 0) return notes;
  const pinned = formatCount(pinnedPages, 'page');
  return [
    `pinned: ${pinned} that the kernel may write at any time, dirty in every round`,
    ...notes,
  ];
}

function nameKind({ kind, isFrozen }: RoundReport): string {
  return isFrozen ? 'final' : kind;
}

function formatUntracked({ kind, reason, nrVmas, pages }: Untracked): string {
  const mappings = formatCount(nrVmas, 'mapping');
  return `untracked: ${kind} (${reason}), ${mappings}, ${formatPages(pages)}`;
}
