import type { ContentPiece } from './content-pieces.js';
import type { FamilyProcess } from './family.js';
import { sortBoundaries } from './intervals.js';

/** A process to be made, and whom it forks. */
export interface ForkNode {
  /** index in the family; null: it only forks others and ends */
  process: number | null;
  parent: ForkNode | null;
  /** in the order in which they are forked: the oldest first */
  children: ForkNode[];
  born: number;
  /** which child of its parent it is */
  index: number;
}

/**
 * Who forks whom. A process whose parent is not in the family, but that has pages of one of its
 * processes, was forked by a descendant of that one which has ended: a temporary process forks it,
 * and ends.
 * @param shared of each process
 * @returns the processes that nobody forks
 */
export function forkTree(
  processes: readonly FamilyProcess[],
  shared: readonly (readonly ContentPiece[])[],
): ForkNode[] {
  const nodes = processes.map(({ born }, process): ForkNode => {
    return { process, parent: null, children: [], born, index: 0 };
  });
  const roots: ForkNode[] = [];
  const ancestors = findAncestors(processes, shared);
  nodes.forEach((node, index) => {
    const parent = processes[index]?.parent ?? null;
    const ancestor = ancestors.get(index);
    if (parent !== null) adopt(nodes[parent], node);
    else if (ancestor === undefined) roots.push(node);
    else adopt(nodes[ancestor], temporaryParent(node));
  });
  for (const { children } of nodes) {
    children.sort((a, b) => a.born - b.born);
    children.forEach((child, index) => (child.index = index));
  }
  return roots;
}

function adopt(parent: ForkNode | undefined, child: ForkNode): void {
  if (!parent) throw new RangeError('a parent that is not in the family');
  child.parent = parent;
  parent.children.push(child);
}

function temporaryParent(child: ForkNode): ForkNode {
  const node: ForkNode = { process: null, parent: null, children: [], born: child.born, index: 0 };
  adopt(node, child);
  return node;
}

/** For roots that share pages with an older tree: the process there that has most of them. */
function findAncestors(
  processes: readonly FamilyProcess[],
  shared: readonly (readonly ContentPiece[])[],
): Map<number, number> {
  const rootOf = rootsOf(processes);
  const ancestors = new Map<number, number>();
  if (new Set(rootOf).size < 2) return ancestors;
  for (const [root, pages] of countCommon(processes, shared, rootOf)) {
    let most = 0;
    for (const [process, nrPages] of pages) {
      if (nrPages <= most) continue;
      most = nrPages;
      ancestors.set(root, process);
    }
  }
  return ancestors;
}

function rootsOf(processes: readonly FamilyProcess[]): number[] {
  const roots: (number | undefined)[] = [];
  return processes.map((_, process) => {
    const path: number[] = [];
    let at = process;
    for (;;) {
      const known = roots[at];
      const parent = processes[at]?.parent ?? null;
      path.push(at);
      if (known === undefined && parent !== null) {
        at = parent;
        continue;
      }
      const root = known ?? at;
      for (const index of path) roots[index] = root;
      return root;
    }
  });
}

/**
 * For each root, how many pages it and its descendants have in common with the oldest process that
 * has them in the oldest tree that has them.
 */
function countCommon(
  processes: readonly FamilyProcess[],
  shared: readonly (readonly ContentPiece[])[],
  rootOf: readonly number[],
): Map<number, Map<number, number>> {
  const bornOf = (process: number) => processes[process]?.born ?? 0;
  const owners = shared.flatMap((pieces, process) => pieces.map(() => process));
  const pieces = shared.flat();
  const active = new Set<number>();
  const common = new Map<number, Map<number, number>>();
  let start = 0;
  for (const code of sortBoundaries(pieces)) {
    const piece = pieces[code >> 1] as ContentPiece;
    const owner = owners[code >> 1] as number;
    const at = code & 1 ? piece.start : piece.end;
    if (start < at && active.size > 1) creditAll(active, at - start);
    if (code & 1) active.add(owner);
    else active.delete(owner);
    start = at;
  }
  return common;

  function creditAll(holders: ReadonlySet<number>, nrPages: number): void {
    let oldest: number | undefined;
    for (const holder of holders)
      if (oldest === undefined || isOlder(holder, oldest)) oldest = holder;
    if (oldest === undefined) return;
    const roots = new Set([...holders].map((holder) => rootOf[holder] as number));
    roots.delete(rootOf[oldest] as number);
    for (const root of roots) {
      const pages = common.get(root) ?? new Map<number, number>();
      common.set(root, pages.set(oldest, (pages.get(oldest) ?? 0) + nrPages));
    }
  }

  /** The older tree first, then the older process. */
  function isOlder(a: number, b: number): boolean {
    const rootA = rootOf[a] as number;
    const rootB = rootOf[b] as number;
    return (bornOf(rootA) - bornOf(rootB) || rootA - rootB || bornOf(a) - bornOf(b) || a - b) < 0;
  }
}
