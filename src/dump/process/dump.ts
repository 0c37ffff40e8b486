import { prepareImages, removeImages } from '../new-images.js';
import { ImageDirectory, type RoundMeta } from '../../image/index.js';
import { Frozen } from '../../proc/freeze.js';
import { killProcess } from '../../proc/kill-process.js';
import { readSmaps } from '../../proc/smaps.js';
import { readStat } from '../../proc/stat.js';
import { checkTrackable } from '../../proc/target.js';
import { threadsOf } from '../../proc/threads.js';
import { encodeProcess } from '../../process/process-record.js';
import { type CollectOptions, collectProcess } from './collect-process.js';
import { copyProcesses } from './copy-processes.js';
import { describeMappings } from './describe-mappings.js';
import { listDescriptors } from './files/open-descriptor.js';
import { ObservedWaits } from './observe-waits.js';
import { refuseUndumpable } from './refusals.js';

/** Whom to dump, and where to. */
export interface DumpOptions {
  pid: number;
  /** a new images directory */
  images: string;
  /** let the process go on afterwards, instead of ending it */
  leaveRunning?: boolean;
  /** descriptors that the one who restores is going to hand in */
  external?: Iterable<number>;
  /** it is a job of a shell: its terminal is that of whoever restores */
  isShellJob?: boolean;
  signal?: AbortSignal;
}

/** What a dump has done. */
export interface DumpReport {
  pid: number;
  images: string;
  nrThreads: number;
  nrVmas: number;
  nrFiles: number;
  /** pages stored, those of zeros included */
  pages: number;
  bytes: number;
  /** how long the process stood */
  freezeMs: number;
  isKilled: boolean;
}

/** The one member of such images. */
const member = 0;

/**
 * Stores a whole process as one full round, without the tracker, and ends it (or lets it go on). On
 * an error it runs on, and nothing is left of the images.
 * @throws TargetError `NOT_DUMPABLE` and those of a freeze, ImageError
 */
export async function dumpProcess(options: DumpOptions): Promise<DumpReport> {
  const { pid, leaveRunning = false, isShellJob = false } = options;
  const target = checkTrackable(pid);
  const external = new Set(options.external ?? []);
  const descriptors = listDescriptors(pid);
  const mappings = await readSmaps(pid);
  const tids = threadsOf(pid);
  refuseUndumpable({ pid, tids, mappings, descriptors, external, isShellJob });
  const prepared = await prepareImages(options.images, { target });
  try {
    const waits = new ObservedWaits(pid);
    using frozen = new Frozen(pid);
    waits.settle();
    const report = await storeProcess(frozen, prepared.images, {
      external,
      isShellJob,
      waits,
      signal: options.signal,
    });
    // Behind the end of a process nothing may fail: its images would be removed.
    await prepared.images.close();
    if (!leaveRunning) killProcess(pid);
    frozen.thaw();
    return { ...report, freezeMs: frozen.freezeMs, isKilled: !leaveRunning };
  } catch (error) {
    await removeImages(prepared);
    throw error;
  }
}

async function storeProcess(
  frozen: Frozen,
  images: ImageDirectory,
  { external, isShellJob, waits, signal }: CollectOptions & { signal: AbortSignal | undefined },
): Promise<Omit<DumpReport, 'freezeMs' | 'isKilled'>> {
  const { pid } = frozen;
  const startMs = performance.now();
  const mappings = await readSmaps(pid);
  const record = collectProcess(frozen, mappings, { external, isShellJob, waits });
  const vmas = await describeMappings(pid, mappings);
  await using writer = await images.beginRound();
  const segments = await copyProcesses(writer, [{ pid, member, mappings, vmas }], { signal });
  const durationMs = performance.now() - startMs;
  const meta = await writer.commit({
    isFrozen: true,
    members: [
      {
        member,
        target: checkTrackable(pid),
        parent: null,
        parentPid: readStat(pid).ppid,
        kind: 'full',
        sessionId: null,
        epoch: 0,
        vmas,
        process: encodeProcess(record),
      },
    ],
    segments,
    stats: { durationMs, freezeMs: frozen.stopMs + durationMs },
  });
  return { ...countsOf(meta), pid, images: images.path, ...sizesOf(record), nrVmas: vmas.length };
}

function countsOf({ stats, pagesBytes }: RoundMeta) {
  return { pages: stats['pages'] ?? 0, bytes: pagesBytes };
}

function sizesOf({ threads, files }: ReturnType<typeof collectProcess>) {
  return { nrThreads: threads.length, nrFiles: files.descriptors.length };
}
