import type { ImageDirectory, MemberDetails, RoundMeta } from '../../image/index.js';
import { checkTrackable } from '../../proc/target.js';
import { encodeProcess, type ProcessRecord } from '../../process/process-record.js';
import { encodeSelection } from '../../tree/selection.js';
import { prepareImages, removeImages } from '../new-images.js';
import { collectProcess } from '../process/collect-process.js';
import { copyProcesses, type ProcessCopy } from '../process/copy-processes.js';
import { describeMappings } from '../process/describe-mappings.js';
import type { DumpOptions } from '../process/dump.js';
import { refuseFor } from '../process/refusals.js';
import { checkRestorable } from './check-restorable.js';
import { type HeldMember, HeldTree } from './held-tree.js';
import { lookAtTree, type LookOptions, refuseRunningTree, type TreeLook } from './look-at-tree.js';
import { describeZombie } from './zombies.js';

/** What a dump has stored of one process of a tree. */
export interface MemberDumpReport {
  /** number in the images */
  member: number;
  pid: number;
  /** number of the process whose child it is; null of the root */
  parent: number | null;
  nrThreads: number;
  nrVmas: number;
  nrFiles: number;
  /** children that have ended and wait to be collected */
  nrZombies: number;
  /** pages stored of it, those of zeros included */
  pages: number;
  /** pages that it shares with one before it, which has stored them */
  refPages: number;
}

/** What a dump of a tree has done. */
export interface TreeDumpReport {
  /** the root's */
  pid: number;
  images: string;
  members: MemberDumpReport[];
  /** pages stored, those of zeros and of shared segments included */
  pages: number;
  refPages: number;
  bytes: number;
  /** from when the first process stood until the last one went on */
  freezeMs: number;
  isKilled: boolean;
}

/** A member without its memory. */
interface Collected {
  held: HeldMember;
  copy: ProcessCopy & { vmas: NonNullable<MemberDetails['vmas']> };
  record: ProcessRecord;
}

/**
 * Stores a process and all that descend from it as one full round, as they are at one moment, without
 * the tracker, and ends them (or lets them go on). On an error they run on, and nothing is left of the
 * images.
 * @param options `pid` is the root, `external` are descriptors of it, wherever they are in the tree
 * @throws TargetError `NOT_DUMPABLE`, `FORKS_TOO_FAST` and those of a freeze, ImageError
 */
export async function dumpTree(options: DumpOptions): Promise<TreeDumpReport> {
  const { pid, leaveRunning = false, isShellJob = false, signal } = options;
  const target = checkTrackable(pid);
  const look = { external: new Set(options.external ?? []), isShellJob };
  await refuseRunningTree(pid, look);
  const roots = [{ pid, startTime: target.startTime }];
  const selection = { roots, isTree: true, cgroup: null, skipUntrackable: false };
  const prepared = await prepareImages(options.images, {
    target,
    unknownFields: encodeSelection(selection),
  });
  try {
    using tree = await HeldTree.freeze(pid, signal);
    const report = await storeTree(tree, prepared.images, { ...look, signal });
    // Behind the end of a process nothing may fail: its images would be removed.
    await prepared.images.close();
    if (!leaveRunning) {
      await checkRestorable(pid, options.images, look.external);
      tree.kill();
    }
    tree.thaw();
    // What runs on does not stand longer for it.
    if (leaveRunning) await checkRestorable(pid, options.images, look.external);
    return { ...report, freezeMs: tree.freezeMs, isKilled: !leaveRunning };
  } catch (error) {
    await removeImages(prepared);
    throw error;
  }
}

async function storeTree(
  tree: HeldTree,
  images: ImageDirectory,
  { signal, ...options }: LookOptions & { signal: AbortSignal | undefined },
): Promise<Omit<TreeDumpReport, 'freezeMs' | 'isKilled'>> {
  const { members } = tree;
  const [{ pid } = { pid: 0 }] = members;
  const startMs = performance.now();
  const view = {
    pids: members.map((member) => member.pid),
    zombies: members.flatMap(({ zombies }) => zombies),
  };
  const look = await lookAtTree(view, options);
  refuseFor(pid, look.reasons);
  const collected: Collected[] = [];
  for (const held of members) {
    signal?.throwIfAborted();
    collected.push(await collect(held, look, options));
  }
  await using writer = await images.beginRound();
  const copies = collected.map(({ copy }) => copy);
  const segments = await copyProcesses(writer, copies, { signal });
  tree.assertStanding();
  const durationMs = performance.now() - startMs;
  const counts = collected.map(({ held }) => ({ ...writer.member(held.member).counts }));
  const meta = await writer.commit({
    isFrozen: true,
    members: collected.map(detailsOf),
    segments,
    stats: { durationMs, freezeMs: tree.freezeMs },
  });
  const reports = collected.map((one, i) => ({
    ...reportOf(one),
    pages: counts[i]?.nrPages ?? 0,
    refPages: counts[i]?.nrRefPages ?? 0,
  }));
  return { pid, images: images.path, members: reports, ...countsOf(meta) };
}

async function collect(
  held: HeldMember,
  { mappings, files }: TreeLook,
  { isShellJob }: LookOptions,
): Promise<Collected> {
  const { pid, member, frozen, waits, zombies } = held;
  const its = mappings.get(pid) ?? [];
  const external = files.externalOf(pid);
  const record = collectProcess(frozen, its, { external, isShellJob, waits, tree: files });
  if (zombies.length > 0) record.identity.zombies = zombies.map(describeZombie);
  const vmas = await describeMappings(pid, its);
  return { held, record, copy: { pid, member, mappings: its, vmas } };
}

function detailsOf({ held, copy, record }: Collected): MemberDetails {
  const { member, target, parent, parentPid } = held;
  return {
    ...{ member, target, parent, parentPid },
    kind: 'full',
    sessionId: null,
    epoch: 0,
    vmas: copy.vmas,
    process: encodeProcess(record),
  };
}

function reportOf({ held, copy, record }: Collected) {
  const { member, pid, parent, zombies } = held;
  return {
    ...{ member, pid, parent },
    nrThreads: record.threads.length,
    nrVmas: copy.vmas.length,
    nrFiles: record.files.descriptors.length,
    nrZombies: zombies.length,
  };
}

function countsOf({ stats, pagesBytes }: RoundMeta) {
  return { pages: stats['pages'] ?? 0, refPages: stats['refPages'] ?? 0, bytes: pagesBytes };
}
