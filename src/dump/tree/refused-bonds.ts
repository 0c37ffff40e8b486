import { isRunning } from '../../proc/ending.js';
import { KernelOrder, kcmpTypes } from '../../proc/kernel-order.js';
import { type ProcStat, readStat } from '../../proc/stat.js';

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
  const members = new Map(pids.map((pid) => [pid, readStat(pid)]));
  const [root] = members.values();
  if (!root) return [];
  const ended = zombies.map((pid) => readStat(pid));
  const stats = [...members.values(), ...ended];
  return [
    ...stats.flatMap((stat) => refusedIds(stat, root, members)),
    ...stats.slice(1).flatMap(refusedExitSignal),
    ...refusedCommon(pids),
  ];
}

/** Sessions and groups of which no leader is going to be there, besides those that the root is in. */
function refusedIds(
  { pid, session, processGroup }: ProcStat,
  root: ProcStat,
  members: ReadonlyMap<number, ProcStat>,
): string[] {
  const reasons: string[] = [];
  if (session !== root.session && session !== pid && !members.has(session))
    reasons.push(`session ${session} of pid ${pid}, whose leader ${whereIs(session)}`);
  if (processGroup === root.processGroup || processGroup === pid) return reasons;
  const leader = members.get(processGroup);
  if (!leader)
    reasons.push(
      `process group ${processGroup} of pid ${pid}, whose leader ${whereIs(processGroup)}`,
    );
  else if (leader.processGroup !== processGroup)
    reasons.push(`process group ${processGroup} of pid ${pid}, whose leader has left it`);
  return reasons;
}

function whereIs(leader: number): string {
  try {
    return isRunning(readStat(leader)) ? 'is outside of the tree' : 'has ended';
  } catch {
    return 'has ended';
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
