import type { VmaRecord } from '../image/index.js';
import { PROT_WRITE } from '../image/vma-record.js';
import { formatAddress } from '../report/units.js';
import type { Untracked } from './reports.js';

/** Names that a group lists at most. */
const maxNames = 16;

/**
 * Writable mappings that are not tracked, grouped by kind and reason.
 * @param stored pages that the round has stored of each
 */
export function untrackedOf(
  vmas: readonly VmaRecord[],
  stored: ReadonlyMap<VmaRecord, number>,
): Untracked[] {
  const groups = new Map<string, Untracked>();
  for (const vma of vmas) {
    const { kind, state, prot, startPage, endPage } = vma;
    if (state === 'tracked' || (prot & PROT_WRITE) === 0) continue;
    const key = `${kind} ${state}`;
    const empty = { kind, reason: state, nrVmas: 0, pages: 0, storedPages: 0, names: [] };
    const group = groups.get(key) ?? empty;
    group.nrVmas++;
    group.pages += endPage - startPage;
    group.storedPages += stored.get(vma) ?? 0;
    addName(group.names, vma);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function addName(names: string[], { path, startPage }: VmaRecord): void {
  const name = path === '' ? formatAddress(startPage) : path;
  if (names.length < maxNames && !names.includes(name)) names.push(name);
}
