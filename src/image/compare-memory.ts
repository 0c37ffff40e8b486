import { native } from '../native.js';
import { countBeyondEnd } from './beyond-end.js';
import { ImageChain, type ContentPiece } from './image-chain.js';
import type { ImageDirectory } from './image-directory.js';
import { MappedFiles, type OpenMappedFile } from './mapped-files.js';
import type { ComparePagesResult } from './native-page-copy.js';
import { runPageJob, type PageJob } from './page-job.js';
import { PAGE_SIZE } from './page.js';
import { PagesFiles } from './pages-files.js';
import type { TreeResolver } from './tree-resolver.js';
import { isFileBacked, isSegment, type VmaRecord } from './vma-record.js';

const RUN_NUMBERS = 5;
const MAX_RUNS = 65_536;
/** Instead of an index of a file: pages of zeros. */
const ZEROS = -1;

/** What to compare with the images. */
export interface CompareMemoryOptions extends PageJob {
  /** `/proc/PID/mem` of the target, which must stand still */
  memFd: number;
  /**
   * `/proc/PID/pagemap`: pages that do not exist and that no round stores are zeros, or the file's,
   * and are not read, which would make them exist
   */
  pagemapFd?: number;
  /** whose memory it is; the first member's if absent */
  member?: number;
  /** round number; the last one if absent */
  upTo?: number;
  /** of the directory's rounds: to look at several members without finding twice what they share */
  resolver?: TreeResolver;
  /** which mappings; all but `special` ones if absent */
  includes?: (vma: VmaRecord) => boolean;
  /** e.g. by `/proc/PID/map_files`, which finds deleted files too */
  openMappedFile?: OpenMappedFile;
  /** page numbers to list at most; 16 if absent */
  limit?: number;
}

/** What {@link compareMemory} has found. */
export interface MemoryComparison {
  /** pages compared */
  nrPages: number;
  nrMismatches: number;
  /** the first of them */
  mismatches: Float64Array;
  /** pages that are neither there nor behind the end of their file */
  nrUnreadable: number;
  /** pages behind the end of their file; 0 without `openMappedFile` */
  nrBeyondEnd: number;
}

/**
 * Compares a target's memory, page by page, with what the images say it is.
 * Checksums are not looked at: wrong page data shows up as a mismatch.
 */
export async function compareMemory(
  directory: ImageDirectory,
  options: CompareMemoryOptions,
): Promise<MemoryComparison> {
  const {
    memFd,
    pagemapFd = -1,
    member,
    upTo,
    resolver,
    includes = isNotSpecial,
    limit = 16,
  } = options;
  const chain = new ImageChain(directory.rounds, { member, upTo, ...(resolver && { resolver }) });
  await using pagesFiles = new PagesFiles(directory);
  await using mappedFiles = new MappedFiles(options.openMappedFile);
  const fdOf = (piece: ContentPiece) =>
    piece.source === 'zero'
      ? undefined
      : piece.source === 'round'
        ? pagesFiles.fd(piece.round)
        : mappedFiles.fd(piece.vma);

  const total = new ComparisonTotal(limit);
  const batch = new ComparisonBatch();
  const compare = async () => {
    const { fds, runs } = batch.take();
    total.add(
      await runPageJob(options, (job) =>
        native.comparePages({ ...job, memFd, pagemapFd, fds, runs, limit: total.room }),
      ),
    );
  };
  for (const vma of chain.vmas.filter(includes)) {
    const all = chain.pieces(vma.startPage, vma.endPage);
    const isSparse = options.openMappedFile && isSegment(vma);
    const pieces = isSparse ? await withoutHoles(all, vma, mappedFiles) : all;
    for (const piece of pieces) {
      batch.add(piece, await fdOf(piece), pagemapFd >= 0 && isForExisting(piece, vma));
      if (batch.isFull) await compare();
    }
  }
  await compare();
  // The files are needed until it is there.
  return await total.result(async (runs) =>
    options.openMappedFile ? countBeyondEnd(runs, chain.vmas, (vma) => mappedFiles.file(vma)) : 0,
  );
}

function isNotSpecial(vma: VmaRecord): boolean {
  return vma.kind !== 'special';
}

/**
 * Whether only pages that exist are to be compared. What is a file's, or a hole, in the images cannot
 * differ where the target has no page. Reading a hole would make it exist, or wait for the target
 * that stands.
 */
function isForExisting({ source }: ContentPiece, vma: VmaRecord): boolean {
  return source === 'file' || (source === 'zero' && !isSegment(vma) && !isFileBacked(vma));
}

/** Leaves out what neither the images nor the file of shared memory have. */
async function withoutHoles(
  pieces: Iterable<ContentPiece>,
  vma: VmaRecord,
  files: MappedFiles,
): Promise<ContentPiece[]> {
  const kept: ContentPiece[] = [];
  const ranges: number[] = [];
  const shift = vma.offset / PAGE_SIZE - vma.startPage;
  for (const piece of pieces) {
    if (piece.source !== 'zero') kept.push(piece);
    else ranges.push(0, piece.page + shift, piece.page + piece.nrPages + shift);
  }
  if (ranges.length === 0) return kept;
  const data = await native.dataRuns([await files.fd(vma)], Float64Array.from(ranges));
  for (let i = 0; i < data.length; i += 3)
    kept.push({ source: 'zero', page: (data[i + 1] ?? 0) - shift, nrPages: data[i + 2] ?? 0 });
  return kept;
}

/** Runs for one native call. */
class ComparisonBatch {
  #numbers: number[] = [];
  #fdIndexes = new Map<number, number>();

  get isFull(): boolean {
    return this.#numbers.length >= MAX_RUNS * RUN_NUMBERS;
  }

  add(piece: ContentPiece, fd: number | undefined, isExisting: boolean): void {
    const filePage = piece.source === 'zero' ? 0 : piece.filePage;
    const index = fd === undefined ? ZEROS : this.#indexOf(fd);
    this.#numbers.push(piece.page, piece.nrPages, index, filePage, isExisting ? 1 : 0);
  }

  take(): { fds: number[]; runs: Float64Array } {
    const taken = { fds: [...this.#fdIndexes.keys()], runs: Float64Array.from(this.#numbers) };
    this.#numbers = [];
    this.#fdIndexes = new Map();
    return taken;
  }

  #indexOf(fd: number): number {
    const index = this.#fdIndexes.get(fd) ?? this.#fdIndexes.size;
    this.#fdIndexes.set(fd, index);
    return index;
  }
}

/** The sum of several native calls. */
class ComparisonTotal {
  readonly #limit: number;
  readonly #mismatches: number[] = [];
  #nrPages = 0;
  #nrMismatches = 0;
  readonly #unreadable: number[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Page numbers that may still be listed. */
  get room(): number {
    return this.#limit - this.#mismatches.length;
  }

  add(result: ComparePagesResult): void {
    this.#mismatches.push(...result.mismatches);
    this.#nrPages += result.nrPages;
    this.#nrMismatches += result.nrMismatches;
    for (const number of result.unreadable) this.#unreadable.push(number);
  }

  /** @param countBeyondEnd of runs, those behind the end of their file */
  async result(countBeyondEnd: (runs: Float64Array) => Promise<number>): Promise<MemoryComparison> {
    const nrBeyondEnd = await countBeyondEnd(Float64Array.from(this.#unreadable));
    const nrUnreadable = this.#unreadable.reduce((sum, value, i) => sum + (i % 2) * value, 0);
    return {
      nrPages: this.#nrPages,
      nrMismatches: this.#nrMismatches,
      mismatches: Float64Array.from(this.#mismatches),
      nrUnreadable: nrUnreadable - nrBeyondEnd,
      nrBeyondEnd,
    };
  }
}
