import { closeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { AppendResult, LayerWriter, PageJob, VmaRecord } from '../image/index.js';
import { isSystemError, TargetError } from '../errors.js';
import { residentAnon, type Session } from '../kernel/session.js';
import { aioRing } from '../image/vma-record.js';
import { native } from '../native.js';
import { mappedFilePath } from '../proc/mapped-file.js';
import type { Piece } from './piece-sweep.js';
import type { RegionPlan } from './plan.js';
import { RunTable } from './runs.js';

/** Where the pages go, and how the work is followed and stopped. */
export interface CopyTarget extends PageJob {
  pid: number;
  session: Session;
  writer: LayerWriter;
  /** the target stands: every page must be readable */
  isFrozen: boolean;
}

/** Stores a region's dirty pages and those of pieces that are new at their address. */
export async function copyRegion(
  { session, writer, progress, signal }: CopyTarget,
  region: number,
  plan: RegionPlan,
): Promise<void> {
  const allowUnreadable = plan.isShared;
  const sourceFd = session.openRegion(region);
  try {
    const runs = plan.dirty;
    await pushData(runs, sourceFd, plan.whole);
    const sourceName = `region ${region} of pid ${session.pid}`;
    const rest = { allowUnreadable, progress, signal };
    await writer.append({ sourceFd, sourceName, runs: runs.view(), ...rest });
  } finally {
    closeSync(sourceFd);
  }
}

/** Adds what a sparse file has of some pieces. */
export async function pushData(
  runs: RunTable,
  fd: number,
  pieces: readonly Piece[],
): Promise<void> {
  if (pieces.length === 0) return;
  const ranges = new RunTable(2);
  for (const { page, endPage, regionPage } of pieces)
    ranges.push(regionPage, regionPage + endPage - page);
  const data = await native.dataRuns(fd, ranges.view());
  for (let i = 0; i < data.length; i += 3) {
    const piece = pieces[data[i] ?? 0];
    const start = data[i + 1] ?? 0;
    if (piece) runs.push(start, piece.page + start - piece.regionPage, data[i + 2] ?? 0);
  }
}

/**
 * Stores the pages that exist in mappings that are not tracked, read through the process' memory.
 * Of a private file mapping only the process' own pages are stored: the rest is the file's.
 * @returns how many of each mapping
 */
export async function copyMemory(
  target: CopyTarget,
  vmas: readonly VmaRecord[],
): Promise<Map<VmaRecord, number>> {
  const { runs, counts } = await existingPages(target.session, vmas);
  await appendExisting(target, runs.view());
  return counts;
}

/**
 * Finds the pages that exist in mappings that are not tracked, and are not a file's.
 * @returns page, nrPages, and how many each mapping has
 */
export async function existingPages(
  session: Session,
  vmas: readonly VmaRecord[],
): Promise<{ runs: RunTable; counts: Map<VmaRecord, number> }> {
  const runs = new RunTable(2);
  const counts = new Map<VmaRecord, number>();
  for (const vma of vmas) {
    const resident = await residentOf(session, vma);
    let count = 0;
    for (let i = 0; i < resident.length; i += 3) {
      const [page = 0, nrPages = 0, flags = 0] = resident.subarray(i, i + 3);
      const isOwn = (flags & residentAnon) !== 0;
      if (!isOwn && vma.kind === 'file-private') continue;
      runs.push(page, nrPages);
      count += nrPages;
    }
    counts.set(vma, count);
  }
  return { runs, counts };
}

/**
 * Stores pages that {@link existingPages} has found.
 * @param pages page, nrPages
 */
export async function appendExisting(
  target: CopyTarget,
  pages: Float64Array,
): Promise<AppendResult | undefined> {
  const runs = new RunTable(3);
  for (let i = 0; i < pages.length; i += 2)
    runs.push(pages[i] ?? 0, pages[i] ?? 0, pages[i + 1] ?? 0);
  const result = await appendMemory(target, runs);
  if (result && target.isFrozen) assertReadable(result, target.pid);
  return result;
}

/** The kernel writes to AIO rings without the target's page table: all of their pages exist. */
async function residentOf(session: Session, vma: VmaRecord): Promise<Float64Array> {
  const { path, startPage, endPage } = vma;
  if (path === aioRing) return Float64Array.of(startPage, endPage - startPage, 0);
  return session.resident(startPage, endPage);
}

/**
 * Stores all of the pieces, read through the process' memory, but for what cannot be read: it lies
 * behind the end of a file.
 */
export async function copyNameless(target: CopyTarget, pieces: readonly Piece[]): Promise<void> {
  const runs = new RunTable(3);
  for (const { page, endPage } of pieces) runs.push(page, page, endPage - page);
  await appendMemory(target, runs);
}

async function appendMemory(
  { pid, writer, progress, signal }: CopyTarget,
  runs: RunTable,
): Promise<AppendResult | undefined> {
  if (runs.length === 0) return undefined;
  await using memory = await open(`/proc/${pid}/mem`, 'r');
  return await writer.append({
    sourceFd: memory.fd,
    sourceName: `the memory of pid ${pid}`,
    runs: runs.view(),
    allowUnreadable: true,
    progress,
    signal,
  });
}

/** A running target may unmap a page before it is read; one that stands may not. */
function assertReadable({ unreadable }: AppendResult, pid: number): void {
  const [page, nrPages = 0] = unreadable;
  if (page === undefined) return;
  const address = `0x${(page * 4096).toString(16)}`;
  throw new TargetError(
    'UNREADABLE_MEMORY',
    `cannot read ${nrPages} pages at ${address} of pid ${pid}, which exist; ` +
      'unmap what cannot be read (a truncated file, a device) and try again',
    { facts: { pid, address, nrPages } },
  );
}

/**
 * Stores shared memory through its file: holes stay holes, and other mappers' pages are seen.
 * @param piece which pages of the file to store as which; those that the mapping shows if absent
 * @returns how many pages
 */
export async function copySegment(
  target: CopyTarget,
  vma: VmaRecord,
  piece: Piece = pieceOf(vma),
): Promise<number> {
  const path = mappedFilePath(target.pid, vma);
  await using file = await openSegment(path, target.isFrozen);
  if (!file) return 0;
  const runs = new RunTable(3);
  await pushData(runs, file.fd, [piece]);
  await target.writer.append({
    sourceFd: file.fd,
    sourceName: path,
    runs: runs.view(),
    // The target or, while it stands, another process may truncate the segment meanwhile.
    allowUnreadable: true,
    progress: target.progress,
    signal: target.signal,
  });
  return runs.sum(2);
}

function pieceOf({ startPage, endPage, offset }: VmaRecord): Piece {
  return { page: startPage, endPage, regionPage: offset / 4096 };
}

async function openSegment(path: string, mustExist: boolean) {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (mustExist || !isSystemError(error) || (error.code !== 'ENOENT' && error.code !== 'ESRCH'))
      throw error;
    // Unmapped since the layout was read; the next round sees that.
    return undefined;
  }
}
