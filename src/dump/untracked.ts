import type { VmaRecord } from '../image/index.js';
import { PROT_WRITE } from '../image/vma-record.js';
import type { Untracked } from './reports.js';

/** Writable mappings that are not tracked, grouped by kind and reason. */
export function untrackedOf(vmas: readonly VmaRecord[]): Untracked[] {
  const groups = new Map<string, Untracked>();
  for (const { kind, state, prot, startPage, endPage } of vmas) {
    if (state === 'tracked' || (prot & PROT_WRITE) === 0) continue;
    const key = `${kind} ${state}`;
    const group = groups.get(key) ?? { kind, reason: state, nrVmas: 0, pages: 0 };
    group.nrVmas++;
    group.pages += endPage - startPage;
    groups.set(key, group);
  }
  return [...groups.values()];
}
