import type { SessionStatus } from '../native.js';
import type { MemberStatus } from '../tree/tree-status.js';
import { printable } from './printable.js';
import type { Column } from './table.js';
import { formatBytes, formatPages } from './units.js';

/** A session, and what its target is called. */
export type NamedSession = Omit<SessionStatus, 'after'> & { comm: string };

/** Sessions, whatever they have to do with each other. */
export const sessionColumns: readonly Column<NamedSession>[] = [
  { title: 'pid', value: ({ pid }) => `${pid}` },
  { title: 'name', value: ({ comm }) => printable(comm), isLeft: true },
  { title: 'controller', value: ({ holder }) => (holder === 0 ? '-' : `${holder}`) },
  { title: 'epoch', value: ({ epoch }) => `${epoch}` },
  { title: 'committed', value: ({ committed }) => `${committed}` },
  { title: 'regions', value: ({ nrRegions }) => `${nrRegions}` },
  { title: 'dirty', value: formatDirty },
  { title: 'pending', value: ({ nrPending }) => `${nrPending}` },
  { title: 'memory', value: ({ backingPages }) => formatPages(backingPages) },
  { title: 'log', value: ({ logBytes }) => formatBytes(logBytes) },
];

/** The processes of a tree, as its images and the module know them. */
export const memberStatusColumns: readonly Column<MemberStatus>[] = [
  { title: 'member', value: ({ member }) => orNone(member) },
  { title: 'pid', value: ({ pid }) => `${pid}` },
  { title: 'name', value: ({ comm }) => printable(comm), isLeft: true },
  { title: 'child of', value: ({ parent }) => orNone(parent) },
  { title: 'state', value: ({ state }) => state, isLeft: true },
  { title: 'regions', value: ({ session }) => orNone(session?.nrRegions) },
  { title: 'dirty', value: ({ session }) => (session ? formatDirty(session) : '-') },
  { title: 'memory', value: ({ session }) => (session ? formatPages(session.backingPages) : '-') },
  { title: 'since round', value: ({ firstRound }) => orNone(firstRound) },
  { title: 'since', value: ({ since }) => printable(orNone(since)), isLeft: true },
];

function formatDirty({ nrDirty, overflow }: Pick<SessionStatus, 'nrDirty' | 'overflow'>): string {
  return overflow ? 'all' : `${nrDirty}`;
}

function orNone(value: string | number | null | undefined): string {
  return `${value ?? '-'}`;
}
