import { KernelOrder, kcmpTypes } from '../../proc/kernel-order.js';
import { type ProcStat, readStat } from '../../proc/stat.js';
import { refusedSessions } from './refused-sessions.js';

/** The processes of a tree, the root first, and children of theirs that have ended. */
export interface TreeView {
  pids: readonly number[];
  zombies: readonly number[];
}

const sigchld = 17;

/** What processes may have in common that was made by clone, and that fork does not leave them. */
const common = {
  memory: kcmpTypes.memory,
  'table of descriptors': kcmpTypes.files,
  'working directory': kcmpTypes.directories,
  'signal handlers': kcmpTypes.handlers,
} as const;

/** What of a tree's own make cannot be restored, a line each. */
export function refusedBonds({ pids, zombies }: TreeView): string[] {
  const members = pids.map((pid) => readStat(pid));
  const [root] = members;
  if (!root) return [];
  const ended = zombies.map((pid) => readStat(pid));
  const all = [...members, ...ended];
  const byPid = new Map(all.map((stat) => [stat.pid, stat]));
  return [
    ...refusedSessions(members, ended),
    ...all.flatMap((stat) => refusedGroup(stat, root, byPid)),
    ...all.slice(1).flatMap(refusedExitSignal),
    ...refusedCommon(pids),
  ];
}

/** A group whose leader has ended can be made all the same, as long as its number is free. */
function refusedGroup(
  { pid, processGroup }: ProcStat,
  root: ProcStat,
  byPid: ReadonlyMap<number, ProcStat>,
): string[] {
  if (processGroup === root.processGroup || processGroup === pid) return [];
  const name = `process group ${processGroup} of pid ${pid}`;
  const leader = byPid.get(processGroup);
  if (leader)
    return leader.processGroup === processGroup ? [] : [`${name}, whose leader has left it`];
  return hasGone(processGroup) ? [] : [`${name}, whose leader is outside of the tree`];
}

function hasGone(pid: number): boolean {
  try {
    return readStat(pid).pid !== pid;
  } catch {
    return true;
  }
}

function refusedExitSignal({ pid, exitSignal }: ProcStat): string[] {
  if (exitSignal === sigchld) return [];
  return [`end of pid ${pid}, of which its parent is told by signal ${exitSignal}`];
}

function refusedCommon(pids: readonly number[]): string[] {
  return Object.entries(common).flatMap(([what, type]) => {
    const known = new KernelOrder(type);
    return pids.flatMap((pid) => {
      const other = known.findOrAdd({ pid, index: 0 });
      return other ? [`${what} of pid ${pid}, which is that of pid ${other.pid} too`] : [];
    });
  });
}
