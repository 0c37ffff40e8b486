import { closeSync, fstatSync, openSync } from 'node:fs';
import { isSystemError, TargetError, TrackerError } from '../../errors.js';
import type { ImageDirectory, MemberRecord, TargetIdentity, VmaRecord } from '../../image/index.js';
import { PAGE_SIZE } from '../../image/page.js';
import { segmentKey } from '../../image/vma-record.js';
import { native } from '../../native.js';
import type { Frozen } from '../../proc/freeze.js';
import { mappedFilePath } from '../../proc/mapped-file.js';
import { readSmaps } from '../../proc/smaps.js';
import { threadsOf } from '../../proc/threads.js';
import { encodeProcess } from '../../process/process-record.js';
import { type CollectOptions, collectProcess } from './collect-process.js';
import { describeMappings } from './describe-mappings.js';

/** A process of which the images have the memory, and where they are. */
export interface TrackedImages extends CollectOptions {
  images: ImageDirectory;
  member: number;
  target: TargetIdentity;
  parentPid: number;
}

/** What was stored of a process besides its memory. */
export interface StoredProcess {
  /** the round that has it, and no pages */
  round: number;
  nrThreads: number;
  nrFiles: number;
  durationMs: number;
}

/** That, or why it cannot be restored from these images. */
export type ProcessReport =
  { process: StoredProcess; notRestorable: null } | { process: null; notRestorable: string };

const memfdPrefix = '/memfd:';

/**
 * Adds the process itself to images whose last round has all of its memory: a round without pages.
 * It stands, and is not tracked any more: it is looked at as it is without the tracker. Whatever
 * fails, the images stay as they were, and the process too.
 */
export async function storeTracked(frozen: Frozen, place: TrackedImages): Promise<ProcessReport> {
  try {
    return { process: await store(frozen, place), notRestorable: null };
  } catch (error) {
    if (!(error instanceof TrackerError || isSystemError(error))) throw error;
    return { process: null, notRestorable: error.message };
  }
}

async function store(
  frozen: Frozen,
  { images, member, target, parentPid, ...options }: TrackedImages,
): Promise<StoredProcess> {
  const startMs = performance.now();
  const { pid } = frozen;
  refuseSharedMemory(frozen);
  const mappings = await readSmaps(pid);
  const vmas = await describeMappings(pid, mappings);
  await refuseUnmapped(pid, vmas);
  const record = collectProcess(frozen, mappings, options);
  await using writer = await images.beginRound();
  const durationMs = performance.now() - startMs;
  const meta = await writer.commit({
    isFrozen: true,
    members: [
      {
        ...continued(images, member),
        member,
        target,
        parent: null,
        parentPid,
        kind: 'delta',
        vmas,
        process: encodeProcess(record),
      },
    ],
    stats: { durationMs, freezeMs: frozen.freezeMs },
  });
  const { threads, files } = record;
  return {
    round: meta.number,
    nrThreads: threads.length,
    nrFiles: files.descriptors.length,
    durationMs: performance.now() - startMs,
  };
}

/** Nothing has happened since the round before, by the module's count. */
function continued(
  { last }: ImageDirectory,
  member: number,
): Pick<MemberRecord, 'sessionId' | 'epoch'> {
  const record = last?.members.find((other) => other.member === member);
  return { sessionId: record?.sessionId ?? null, epoch: record?.epoch ?? 0 };
}

/** Threads of other processes stand too where those have the same memory. */
function refuseSharedMemory({ pid, tids }: Frozen): void {
  const own = new Set(threadsOf(pid));
  const others = tids.filter((tid) => !own.has(tid));
  if (others.length > 0)
    throw notRestorable(pid, `processes that run on the same memory: ${others.join(', ')}`);
}

/**
 * The rounds have what a process maps of its shared memory. The rest of a memfd can be reached, too.
 * @throws TargetError `NOT_DUMPABLE`
 */
async function refuseUnmapped(pid: number, vmas: readonly VmaRecord[]): Promise<void> {
  const byFile = new Map<string, VmaRecord[]>();
  for (const vma of vmas) {
    if (vma.kind !== 'anon-shared' || !vma.path.startsWith(memfdPrefix)) continue;
    const key = segmentKey(vma);
    const known = byFile.get(key);
    if (known) known.push(vma);
    else byFile.set(key, [vma]);
  }
  for (const mappings of byFile.values()) {
    const [first] = mappings;
    if (!first) continue;
    const nrPages = await countUnmapped(mappedFilePath(pid, first), mappings);
    if (nrPages > 0)
      throw notRestorable(
        pid,
        `shared memory ${first.path}, of which ${nrPages} pages with content are not mapped`,
      );
  }
}

async function countUnmapped(file: string, vmas: readonly VmaRecord[]): Promise<number> {
  const fd = openSync(file, 'r');
  try {
    const nrFilePages = Math.ceil(fstatSync(fd).size / PAGE_SIZE);
    const data = await native.dataRuns([fd], Float64Array.from(gaps(vmas, nrFilePages)));
    let count = 0;
    for (let i = 2; i < data.length; i += 3) count += data[i] ?? 0;
    return count;
  } finally {
    closeSync(fd);
  }
}

/** What none of a file's mappings shows of it, as ranges of the first file of `native.dataRuns`. */
function gaps(vmas: readonly VmaRecord[], nrFilePages: number): number[] {
  const mapped = vmas
    .map(({ offset, startPage, endPage }) => [offset / PAGE_SIZE, endPage - startPage] as const)
    .sort(([a], [b]) => a - b);
  const ranges: number[] = [];
  let position = 0;
  for (const [page, nrPages] of [...mapped, [nrFilePages, 0] as const]) {
    const end = Math.min(page, nrFilePages);
    if (position < end) ranges.push(0, position, end);
    position = Math.max(position, page + nrPages);
  }
  return ranges;
}

function notRestorable(pid: number, reason: string): TargetError {
  return new TargetError('NOT_DUMPABLE', `the images of pid ${pid} cannot be restored: ${reason}`, {
    facts: { pid, reasons: reason },
  });
}
