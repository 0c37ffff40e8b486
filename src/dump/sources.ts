import { openSync } from 'node:fs';
import type { AppendResult, LayerWriter, PageJob, VmaRecord } from '../image/index.js';
import { aioRing, PROT_WRITE } from '../image/vma-record.js';
import { isSystemError, TargetError } from '../errors.js';
import { residentAnon, type Session } from '../kernel/session.js';
import { native } from '../native.js';
import { mappedFilePath } from '../proc/mapped-file.js';
import { PageSources } from './page-sources.js';
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

/** A region that is open, and what to store of it. */
export interface OpenRegion {
  region: number;
  fd: number;
  /** sourcePage, page, nrPages */
  runs: Float64Array;
  isShared: boolean;
}

/** Opens regions, and looks up what there is of pieces that are stored as a whole. */
export async function openRegions(
  session: Session,
  plans: readonly (readonly [number, RegionPlan])[],
  sources: PageSources,
): Promise<OpenRegion[]> {
  const open = plans.map(([region, plan]) => ({
    region,
    fd: sources.keep(session.openRegion(region)),
    runs: plan.dirty,
    pieces: plan.whole,
    isShared: plan.isShared,
  }));
  await pushAllData(open.filter(({ pieces }) => pieces.length > 0));
  return open.map(({ region, fd, runs, isShared }) => ({
    region,
    fd,
    runs: runs.view(),
    isShared,
  }));
}

/** Adds the pages of regions to those that a job reads. */
export function addRegions(
  { pid }: Session,
  regions: readonly OpenRegion[],
  sources: PageSources,
): void {
  for (const { region, fd, runs, isShared } of regions)
    sources.add({ fd, name: `region ${region} of pid ${pid}`, runs, allowUnreadable: isShared });
}

/** Stores a region's dirty pages and those of pieces that are new at their address. */
export async function copyRegion(
  { session, writer, progress, signal }: CopyTarget,
  region: number,
  plan: RegionPlan,
): Promise<void> {
  using sources = new PageSources();
  addRegions(session, await openRegions(session, [[region, plan]], sources), sources);
  await writer.appendAll({ sources: sources.list, progress, signal });
}

/** A sparse file, and pieces of it. */
interface SparseFile {
  fd: number;
  pieces: readonly Piece[];
  /** what is found is added here */
  runs: RunTable;
}

/** Adds what a sparse file has of some pieces. */
export async function pushData(
  runs: RunTable,
  fd: number,
  pieces: readonly Piece[],
): Promise<void> {
  if (pieces.length > 0) await pushAllData([{ fd, pieces, runs }]);
}

async function pushAllData(files: readonly SparseFile[]): Promise<void> {
  if (files.length === 0) return;
  const ranges = new RunTable(3);
  const asked: { piece: Piece; runs: RunTable }[] = [];
  for (const [i, { pieces, runs }] of files.entries())
    for (const piece of pieces) {
      const { page, endPage, regionPage } = piece;
      ranges.push(i, regionPage, regionPage + endPage - page);
      asked.push({ piece, runs });
    }
  const data = await native.dataRuns(
    files.map(({ fd }) => fd),
    ranges.view(),
  );
  for (let i = 0; i < data.length; i += 3) {
    const found = asked[data[i] ?? 0];
    const start = data[i + 1] ?? 0;
    if (!found) continue;
    const { piece, runs } = found;
    runs.push(start, piece.page + start - piece.regionPage, data[i + 2] ?? 0);
  }
}

/** The ranges of which `existingPages` wants to know what there is, in the order of the mappings. */
export function memoryRanges(vmas: readonly VmaRecord[]): Float64Array {
  return Float64Array.from(vmas.flatMap(({ startPage, endPage }) => [startPage, endPage]));
}

/** Pages that exist in mappings that are not tracked: page, nrPages. */
export interface ExistingPages {
  writable: RunTable;
  readOnly: RunTable;
  /** pages of each mapping */
  counts: Map<VmaRecord, number>;
}

/**
 * Tells what there is in mappings that are not tracked. Of a private file mapping those are only the
 * process' own pages: the rest is the file's.
 * @param resident of the {@link memoryRanges}, as `Session.resident` has it
 */
export function existingPages(vmas: readonly VmaRecord[], resident: Float64Array): ExistingPages {
  const writable = new RunTable(2);
  const readOnly = new RunTable(2);
  const counts = new Map<VmaRecord, number>(vmas.map((vma) => [vma, 0]));
  const add = (vma: VmaRecord, page: number, nrPages: number) => {
    ((vma.prot & PROT_WRITE) === 0 ? readOnly : writable).push(page, nrPages);
    counts.set(vma, (counts.get(vma) ?? 0) + nrPages);
  };
  for (let i = 0; i < resident.length; i += 4) {
    const [range = 0, page = 0, nrPages = 0, flags = 0] = resident.subarray(i, i + 4);
    const vma = vmas[range];
    if (!vma || vma.path === aioRing) continue;
    if ((flags & residentAnon) !== 0 || vma.kind !== 'file-private') add(vma, page, nrPages);
  }
  // The kernel writes to AIO rings without the target's page table: all of their pages exist.
  for (const vma of vmas)
    if (vma.path === aioRing) add(vma, vma.startPage, vma.endPage - vma.startPage);
  return { writable, readOnly, counts };
}

/** What to read through a process' memory. */
export interface MemoryPages {
  /** pages that exist: page, nrPages */
  pages: readonly Float64Array[];
  /** stored as a whole, but for what cannot be read: it lies behind the end of a file */
  nameless?: readonly Piece[];
}

/**
 * Adds pages to be read through the process' memory.
 * @returns the source of those that exist, for {@link assertReadable}; undefined if there are none
 */
export function addMemory(
  pid: number,
  { pages, nameless = [] }: MemoryPages,
  sources: PageSources,
): number | undefined {
  const runs = new RunTable(3);
  for (const table of pages)
    for (let i = 0; i < table.length; i += 2)
      runs.push(table[i] ?? 0, table[i] ?? 0, table[i + 1] ?? 0);
  const whole = new RunTable(3);
  for (const { page, endPage } of nameless) whole.push(page, page, endPage - page);
  if (runs.length + whole.length === 0) return undefined;
  const fd = sources.keep(openSync(`/proc/${pid}/mem`, 'r'));
  const source = { fd, name: `the memory of pid ${pid}`, allowUnreadable: true };
  sources.add({ ...source, runs: whole.view() });
  return sources.add({ ...source, runs: runs.view() });
}

/**
 * Stores pages that {@link existingPages} has found.
 * @param pages page, nrPages; some
 */
export async function appendExisting(
  { pid, writer, isFrozen, progress, signal }: CopyTarget,
  pages: Float64Array,
): Promise<AppendResult> {
  using sources = new PageSources();
  const index = addMemory(pid, { pages: [pages] }, sources);
  const result = await writer.appendAll({ sources: sources.list, progress, signal });
  if (isFrozen) assertReadable(result, index, pid);
  return result;
}

/**
 * A running target may unmap a page before it is read; one that stands may not.
 * @param index of the memory that must be readable
 * @throws TargetError `UNREADABLE_MEMORY`
 */
export function assertReadable(
  { unreadable }: AppendResult,
  index: number | undefined,
  pid: number,
): void {
  for (let i = 0; i < unreadable.length; i += 3) {
    if (unreadable[i] !== index) continue;
    const [, page = 0, nrPages = 0] = unreadable.subarray(i, i + 3);
    const address = `0x${(page * 4096).toString(16)}`;
    throw new TargetError(
      'UNREADABLE_MEMORY',
      `cannot read ${nrPages} pages at ${address} of pid ${pid}, which exist; ` +
        'unmap what cannot be read (a truncated file, a device) and try again',
      { facts: { pid, address, nrPages } },
    );
  }
}

/**
 * Stores shared memory through its file: holes stay holes, and other mappers' pages are seen.
 * @param piece which pages of the file to store as which; those that the mapping shows if absent
 * @returns how many pages; undefined if the mapping is there no more
 */
export async function copySegment(
  target: CopyTarget,
  vma: VmaRecord,
  piece: Piece = pieceOf(vma),
): Promise<number | undefined> {
  const path = mappedFilePath(target.pid, vma);
  using sources = new PageSources();
  const fd = openSegment(path);
  if (fd === undefined) return undefined;
  sources.keep(fd);
  const runs = new RunTable(3);
  await pushData(runs, fd, [piece]);
  // The target or, while it stands, another process may truncate the segment meanwhile.
  sources.add({ fd, name: path, runs: runs.view(), allowUnreadable: true });
  const { writer, progress, signal } = target;
  await writer.appendAll({ sources: sources.list, progress, signal });
  return runs.sum(2);
}

function pieceOf({ startPage, endPage, offset }: VmaRecord): Piece {
  return { page: startPage, endPage, regionPage: offset / 4096 };
}

function openSegment(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined;
    throw error;
  }
}
