import type { VmaRecord } from '../../image/index.js';
import type { FamilyMapping, FamilyProcess, PageRun } from '../family/family.js';
import type { Backings } from './backings.js';
import type { ContentNumbers } from './content-numbers.js';
import type { TreeInput, TreeMember } from './tree-input.js';

/** The private memory of a tree, as the plan of it by fork wants to know it. */
export function familyOf(
  { members }: TreeInput,
  numbers: ContentNumbers,
  backings: Backings,
): FamilyProcess[] {
  const ages = agesOf(members);
  return members.map((member, i) => ({
    parent: member.parent,
    born: ages[i] ?? 0,
    ...privateMemory(member, numbers, backings),
  }));
}

/** Whether a mapping's pages can be a process' own. */
export function isPrivate({ kind }: VmaRecord): boolean {
  return kind === 'anon-private' || kind === 'file-private';
}

/** Ranks by age. The root is the oldest, whoever has become its child since. */
function agesOf(members: readonly TreeMember[]): number[] {
  const order = members.map((_, i) => i);
  const timeOf = (i: number) => (i === 0 ? -1 : (members[i]?.startTime ?? 0));
  order.sort((a, b) => timeOf(a) - timeOf(b) || a - b);
  const ages: number[] = [];
  order.forEach((i, age) => (ages[i] = age));
  return ages;
}

function privateMemory(
  { vmas, pages }: TreeMember,
  numbers: ContentNumbers,
  backings: Backings,
): Pick<FamilyProcess, 'mappings' | 'runs'> {
  const mappings: FamilyMapping[] = [];
  const runs: PageRun[] = [];
  for (const vma of vmas) {
    if (!isPrivate(vma)) continue;
    const { startPage, endPage } = vma;
    mappings.push({ startPage, endPage, ...backings.of(vma) });
    for (const { page, nrPages, round, filePage, isZero } of pages.entries(startPage, endPage))
      if (!isZero) runs.push({ page, nrPages, content: numbers.of(round, filePage) });
  }
  return { mappings, runs };
}
