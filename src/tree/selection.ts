import type { Fields } from '../image/frame.js';
import { readStat } from '../proc/stat.js';
import { processesOfCgroup, withDescendants } from '../proc/family.js';

/** Whom a tree is made of, at any time. */
export interface Selection {
  /** processes that were named; the start time tells them from later ones with their pids */
  roots: readonly { pid: number; startTime: number }[];
  /** their descendants too */
  isTree: boolean;
  /** directory of a cgroup whose processes belong to it, or null */
  cgroup: string | null;
  /** leave out what cannot be tracked, instead of failing */
  skipUntrackable: boolean;
}

/**
 * The processes of a selection as it is now, each once; those that were named come first. A tree
 * forks while it is read: look again until there is nothing new.
 * @param members pids that belong to it already: their children do too, whoever has adopted them
 * @throws TargetError `NO_SUCH_CGROUP`
 */
export function selectedPids(
  { roots, isTree, cgroup }: Pick<Selection, 'roots' | 'isTree' | 'cgroup'>,
  members: readonly number[],
  proc = '/proc',
): number[] {
  const named = roots.filter((root) => isThere(root, proc)).map(({ pid }) => pid);
  const pids = [...named, ...members, ...(cgroup === null ? [] : processesOfCgroup(cgroup))];
  return isTree ? withDescendants(pids, proc) : [...new Set(pids)];
}

function isThere({ pid, startTime }: Selection['roots'][number], proc: string): boolean {
  try {
    return readStat(pid, proc).startTime === startTime;
  } catch {
    return false;
  }
}

/** For the manifest. */
export function encodeSelection({ roots, ...rest }: Selection): Fields {
  return { selection: { roots: [...roots], ...rest } };
}

/** What {@link encodeSelection} has written, or undefined where there is no such thing. */
export function decodeSelection(fields: Fields): Selection | undefined {
  const value = fields['selection'] as Partial<Selection> | undefined;
  if (!value || !Array.isArray(value.roots)) return undefined;
  const { roots, isTree = false, cgroup = null, skipUntrackable = false } = value;
  return {
    roots: roots.map(({ pid, startTime }) => ({ pid: Number(pid), startTime: Number(startTime) })),
    isTree,
    cgroup,
    skipUntrackable,
  };
}
