import type { RoundReport, Sharing, Untracked } from '../dump/reports.js';
import { printable } from './printable.js';
import type { Column } from './table.js';
import { formatAddress, formatBytes, formatCount, formatDuration, formatPages } from './units.js';

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

/** Names, or mappings, that a line of notes has at most. */
const maxNamed = 3;

/**
 * What a round's row has no column for: `pinned: ...`, `untracked: ...` and `shared: ...`, a line
 * each.
 */
export function roundNotes({ pinnedPages, untracked, sharing }: RoundReport): string[] {
  const notes = [...untracked.map(formatUntracked), ...formatSharing(sharing)];
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

function formatUntracked({ kind, reason, nrVmas, pages, names }: Untracked): string {
  const mappings = formatCount(nrVmas, 'mapping');
  const named = names.slice(0, maxNamed).map(printable).join(', ');
  const more = names.length > maxNamed ? ', ...' : '';
  return `untracked: ${kind} (${reason}), ${mappings}, ${formatPages(pages)}: ${named}${more}`;
}

function formatSharing(sharing: readonly Sharing[]): string[] {
  const lines = sharing.slice(0, maxNamed).map(({ path, startPage, endPage, pids }) => {
    const name = path === '' ? formatAddress(startPage) : printable(path);
    return `shared: ${name}, ${formatPages(endPage - startPage)}, with pid ${pids.join(', ')}`;
  });
  const nrMore = sharing.length - lines.length;
  return nrMore === 0 ? lines : [...lines, `shared: ${formatCount(nrMore, 'more mapping')}`];
}
