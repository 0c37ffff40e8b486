import type { PageMap, VmaRecord } from '../../image/index.js';
import type { ProcessRecord } from '../../process/process-record.js';
import type { RestoreInput } from '../plan/input.js';

/** A process of a tree. */
export interface TreeMember {
  process: ProcessRecord;
  vmas: readonly VmaRecord[];
  /** what is stored of private memory */
  pages: PageMap;
  /** index of its parent; null if that is none of the tree */
  parent: number | null;
  /** orders siblings by age */
  startTime: number;
}

/** What the plan of a tree is made from. */
export interface TreeInput extends Omit<
  RestoreInput,
  'process' | 'vmas' | 'pages' | 'terminal' | 'isInNamespace'
> {
  /** parents come before their children; the first one is the root */
  members: readonly TreeMember[];
}

/** One member, as if it were to be restored alone, but that nothing is handed in to it by itself. */
export function inputOf(
  { members: _members, ...common }: TreeInput,
  { process, vmas, pages }: TreeMember,
): RestoreInput {
  return { ...common, process, vmas, pages, inherited: new Map(), isInNamespace: false };
}

/** Pid of a member, which is its name. */
export function pidOf({ process }: TreeMember): number {
  return process.identity.pid;
}
