import { TargetError, isSystemError } from '../../errors.js';
import { isRunning } from '../../proc/ending.js';
import { withDescendants } from '../../proc/family.js';
import { readSmaps, type SmapsEntry } from '../../proc/smaps.js';
import { type ProcStat, readStat } from '../../proc/stat.js';
import { threadsOf } from '../../proc/threads.js';
import { listDescriptors, type OpenDescriptor } from '../process/files/open-descriptor.js';
import { TreeFiles } from '../process/files/tree-files.js';
import { reasonsAgainst, refuseFor } from '../process/refusals.js';
import { refusedBonds, type TreeView } from './refused-bonds.js';

/** How a tree is going to be restored, as far as its images must know. */
export interface LookOptions {
  /** descriptors of the root that the one who restores is going to hand in */
  external: ReadonlySet<number>;
  isShellJob: boolean;
}

/** What procfs shows of a tree. */
export interface TreeLook {
  /** by pid */
  mappings: ReadonlyMap<number, SmapsEntry[]>;
  files: TreeFiles;
  /** what cannot be restored, a line each */
  reasons: string[];
}

/** Looks at a tree that changes while it is looked at: later it stands. */
const maxLooks = 3;
const goneCodes = new Set(['ESRCH', 'EBADF', 'ENOENT']);

/** Looks at all members. Nothing is touched. */
export async function lookAtTree(
  view: TreeView,
  { external, isShellJob }: LookOptions,
): Promise<TreeLook> {
  const descriptors = new Map<number, OpenDescriptor[]>();
  const mappings = new Map<number, SmapsEntry[]>();
  for (const pid of view.pids) {
    descriptors.set(pid, listDescriptors(pid));
    mappings.set(pid, await readSmaps(pid));
  }
  const tree = new TreeFiles(descriptors, external, mappedMemfds(mappings));
  const reasons = view.pids.flatMap((pid) =>
    reasonsAgainst({
      pid,
      tids: threadsOf(pid),
      mappings: mappings.get(pid) ?? [],
      descriptors: descriptors.get(pid) ?? [],
      external: tree.externalOf(pid),
      isShellJob,
      tree,
    }),
  );
  return { mappings, files: tree, reasons: [...refusedBonds(view), ...reasons] };
}

function mappedMemfds(mappings: ReadonlyMap<number, readonly SmapsEntry[]>): Set<number> {
  const all = [...mappings.values()].flat();
  return new Set(all.filter(({ path }) => path.startsWith('/memfd:')).map(({ inode }) => inode));
}

/**
 * Refuses a tree that runs, by name, before anything of it is touched. What is said of a tree that has
 * changed meanwhile may be wrong: if it keeps changing, nothing is said until it stands.
 * @throws TargetError `NOT_DUMPABLE`
 */
export async function refuseRunningTree(root: number, options: LookOptions): Promise<void> {
  for (let look = 0; look < maxLooks; look++) {
    const before = statsOf(root);
    const reasons = await unlessGone(
      async () => (await lookAtTree(viewOf(before), options)).reasons,
    );
    if (reasons?.length === 0) return;
    if (reasons && isSame(before, statsOf(root))) refuseFor(root, reasons);
  }
}

function statsOf(root: number): ProcStat[] {
  return withDescendants([root]).flatMap((pid) => {
    try {
      return [readStat(pid)];
    } catch (error) {
      if (pid === root || !isGone(error)) throw error;
      return [];
    }
  });
}

function viewOf(stats: readonly ProcStat[]): TreeView {
  const pidsOf = (isAlive: boolean) =>
    stats.filter((stat) => isRunning(stat) === isAlive).map(({ pid }) => pid);
  return { pids: pidsOf(true), zombies: pidsOf(false) };
}

function isSame(before: readonly ProcStat[], after: readonly ProcStat[]): boolean {
  const keys = [before, after].map((stats) =>
    stats.map((stat) => `${stat.pid} ${stat.startTime} ${isRunning(stat)}`).join(),
  );
  return keys[0] === keys[1];
}

async function unlessGone<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Whether a process, or what it had, has gone while it was looked at. */
function isGone(error: unknown): boolean {
  if (error instanceof TargetError) return error.code === 'NO_SUCH_PROCESS';
  return isSystemError(error) && goneCodes.has(error.code);
}
