import type { RoundMeta } from '../image/round-meta.js';
import { kindOf, nrExtentsOf, nrVmasOf } from './round-summary.js';
import { PROT_EXEC, PROT_READ, PROT_WRITE, type VmaRecord } from '../image/vma-record.js';
import type { PageRange } from './page-ranges.js';
import { printable } from './printable.js';
import type { Column } from './table.js';
import { formatAddress, formatBytes, formatDuration, formatPages } from './units.js';

/** The rounds of an images directory. What another program has not written down is a `-`. */
export const imageRoundColumns: readonly Column<RoundMeta>[] = [
  { title: 'round', value: ({ number }) => `${number}` },
  {
    title: 'kind',
    value: nameKind,
    width: 5,
    isLeft: true,
  },
  { title: 'epoch', value: ({ members }) => `${members[0]?.epoch ?? '-'}` },
  { title: 'mappings', value: (meta) => `${nrVmasOf(meta) ?? 'same'}` },
  { title: 'extents', value: (meta) => `${nrExtentsOf(meta)}` },
  { title: 'pages', value: statistic('pages', String), width: 8 },
  { title: 'zero', value: statistic('zeroPages', String), width: 7 },
  { title: 'size', value: ({ pagesBytes }) => formatBytes(pagesBytes), width: 10 },
  { title: 'time', value: statistic('durationMs', formatDuration), width: 8 },
  { title: 'freeze', value: statistic('freezeMs', formatDuration), width: 8 },
  { title: 'taken', value: ({ time }) => printable(time), isLeft: true },
];

/** The mappings of a round. */
export const vmaColumns: readonly Column<VmaRecord>[] = [
  { title: 'start', value: ({ startPage }) => formatAddress(startPage) },
  { title: 'end', value: ({ endPage }) => formatAddress(endPage) },
  { title: 'prot', value: formatProtection, isLeft: true },
  { title: 'size', value: ({ startPage, endPage }) => formatPages(endPage - startPage) },
  { title: 'kind', value: ({ kind }) => printable(kind), isLeft: true },
  { title: 'state', value: ({ state }) => printable(state), isLeft: true },
  { title: 'offset', value: ({ offset }) => `0x${offset.toString(16)}` },
  { title: 'name', value: ({ path }) => printable(path), isLeft: true },
];

/** Stored pages: of one round, or of all with the round's number. */
export const pageColumns: readonly Column<PageRange & { round: number }>[] = [
  { title: 'round', value: ({ round }) => `${round}` },
  { title: 'start', value: ({ startPage }) => formatAddress(startPage) },
  { title: 'end', value: ({ endPage }) => formatAddress(endPage) },
  { title: 'pages', value: ({ startPage, endPage }) => `${endPage - startPage}` },
  { title: 'size', value: ({ startPage, endPage }) => formatPages(endPage - startPage) },
  { title: 'content', value: ({ content }) => content, isLeft: true },
];

function nameKind(meta: RoundMeta): string {
  const kind = kindOf(meta);
  return meta.isFrozen && kind === 'delta' ? 'final' : kind;
}

function statistic(name: string, format: (value: number) => string) {
  return ({ stats }: RoundMeta): string => {
    const value: unknown = stats[name];
    return typeof value === 'number' ? format(value) : '-';
  };
}

function formatProtection({ prot, shared }: VmaRecord): string {
  const letter = (bit: number, name: string) => ((prot & bit) === 0 ? '-' : name);
  const access = letter(PROT_READ, 'r') + letter(PROT_WRITE, 'w') + letter(PROT_EXEC, 'x');
  return access + (shared ? 's' : 'p');
}
