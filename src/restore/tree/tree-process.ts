import type { FamilyPlan, FamilyStep } from '../family/family.js';
import type { TreeMember } from './tree-input.js';

/** A process that is made: a member, or one that only forks one, and ends. */
export interface TreeProcess {
  /** null: it helps to make others */
  member: TreeMember | null;
  /** null for the one that is started, which is the root */
  parent: TreeProcess | null;
  /** in the order in which they are forked */
  children: TreeProcess[];
  /** of its private memory; the n-th `fork` there is of the n-th child behind the first `nrEarly` */
  steps: readonly FamilyStep[];
  /** children that are forked before there is any memory */
  nrEarly: number;
}

/**
 * The processes of a family's plan, the root first, parents before their children. Who has no parent there
 * and no memory of others is forked by the root, by way of a helper: it belongs to whoever gets orphans.
 */
export function treeProcesses(
  { processes: planned }: FamilyPlan,
  members: readonly TreeMember[],
): TreeProcess[] {
  const all = planned.map(({ process, steps }): TreeProcess => {
    const member = process === null ? null : (members[process] ?? null);
    return { member, parent: null, children: [], steps, nrEarly: 0 };
  });
  planned.forEach(({ steps }, i) => {
    for (const step of steps) if (step.do === 'fork') adopt(all[i], all[step.child]);
  });
  const root = all.find(({ member }) => member === members[0]);
  if (root?.parent !== null) throw new RangeError('the root of a tree has a parent');
  const others = all.filter((process) => process.parent === null && process !== root);
  root.children.unshift(...others.map((orphan) => helperFor(orphan, root)));
  root.nrEarly = others.length;
  return parentsFirst(root);
}

function helperFor(orphan: TreeProcess, parent: TreeProcess): TreeProcess {
  const helper: TreeProcess = { member: null, parent, children: [], steps: [], nrEarly: 1 };
  adopt(helper, orphan);
  return helper;
}

function adopt(parent: TreeProcess | undefined, child: TreeProcess | undefined): void {
  if (!parent || !child) throw new RangeError('a fork of a process that is not planned');
  child.parent = parent;
  parent.children.push(child);
}

function parentsFirst(root: TreeProcess): TreeProcess[] {
  const processes: TreeProcess[] = [];
  const waiting = [root];
  for (let process = waiting.pop(); process; process = waiting.pop()) {
    processes.push(process);
    for (const child of process.children.toReversed()) waiting.push(child);
  }
  return processes;
}
