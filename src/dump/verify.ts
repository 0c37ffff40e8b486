import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { TargetError } from '../errors.js';
import {
  compareMemory,
  type CompareMemoryOptions,
  type ImageDirectory,
  type MemoryComparison,
  type TreeResolver,
  type VmaRecord,
} from '../image/index.js';
import { aioRing, PROT_WRITE, vmaAt } from '../image/vma-record.js';
import type { Session } from '../kernel/session.js';
import type { Harvest } from '../native.js';
import { type MapsEntry, readMaps } from '../proc/maps.js';
import { mappedFilePath } from '../proc/mapped-file.js';
import { formatAddress } from '../report/units.js';
import { reportProgress } from './report-progress.js';
import type { Progress, VerifyReport } from './reports.js';
import { SharedMappings } from './sharing.js';

/** Differences of shared memory that are looked up in a harvest, one by one. */
const maxDifferences = 65_536;
/** Harvests that may tell of a difference, and the pause between two of them. */
const maxHarvests = 5;
const harvestPauseMs = 100;
/** Addresses in a report. */
const maxAddresses = 16;

/** Whose memory to compare with what. */
export interface VerifyOptions {
  session: Session;
  images: ImageDirectory;
  /** number of the target in the images */
  member: number;
  /** of the images' rounds: to find only once what several members share */
  resolver?: TreeResolver;
  /** layout of the final round */
  vmas: readonly VmaRecord[];
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * Compares the whole memory of a target that stands with what the images say, through
 * `/proc/PID/mem`: not the way by which it was dumped. Other processes may write to shared memory
 * meanwhile; as long as it is tracked the module knows to which pages.
 */
export class Verification {
  readonly #options: VerifyOptions;
  /** start pages of mappings that have been compared */
  readonly #compared = new Set<number>();
  readonly #progress = new Float64Array(1);
  /** what has been found so far */
  readonly report: VerifyReport = {
    pages: 0,
    lostWrites: 0,
    lostAddresses: [],
    changedByOthers: 0,
    unreadable: 0,
    beyondEnd: 0,
    durationMs: 0,
  };

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  /**
   * Compares the memory that others may write while the target stands: tracked shared memory, by
   * whatever way, what the target only reads and other processes map, and AIO rings. Then takes the
   * dirty log, and puts it back: what is in it has changed since the final harvest.
   * @throws TargetError `TOO_MANY_DIFFERENCES`
   */
  async beforeRevert(): Promise<void> {
    const startMs = performance.now();
    const { session, vmas } = this.#options;
    const sharing = await new SharedMappings().look(session, vmas, { matters: isReadOnly });
    const others = vmas.filter((vma) => isTrackedShared(vma) || vma.path === aioRing);
    for (const { startPage } of [...sharing, ...others]) this.#compared.add(startPage);
    if (this.#compared.size === 0) return;
    const result = await this.#compare({
      includes: ({ startPage }) => this.#compared.has(startPage),
      limit: maxDifferences,
    });
    const lost = await this.#lostOf(result);
    this.#add(result, lost.length, lost, startMs);
    this.report.changedByOthers += result.nrMismatches - lost.length;
  }

  /** Compares all other memory. */
  async afterRevert(): Promise<void> {
    const startMs = performance.now();
    const result = await this.#compare({
      includes: ({ startPage, kind }) => kind !== 'special' && !this.#compared.has(startPage),
      limit: maxAddresses,
    });
    this.#add(result, result.nrMismatches, [...result.mismatches], startMs);
  }

  async #compare(
    which: Pick<CompareMemoryOptions, 'includes' | 'limit'>,
  ): Promise<MemoryComparison> {
    const { session, images, member, resolver, signal, onProgress } = this.#options;
    const { pid } = session;
    const maps = await readMaps(pid);
    await using memory = await open(`/proc/${pid}/mem`, 'r');
    await using pagemap = await open(`/proc/${pid}/pagemap`, 'r');
    const stopReporting = reportProgress(onProgress, () => ({
      phase: 'verify',
      donePages: this.#progress[0] ?? 0,
      totalPages: 0,
    }));
    try {
      return await compareMemory(images, {
        ...which,
        member,
        ...(resolver && { resolver }),
        progress: this.#progress,
        signal,
        memFd: memory.fd,
        pagemapFd: pagemap.fd,
        openMappedFile: ({ startPage }) => open(mapFile(pid, maps, startPage), 'r'),
      });
    } finally {
      stopReporting();
    }
  }

  async #lostOf({ mismatches, nrMismatches }: MemoryComparison): Promise<number[]> {
    const { session, vmas } = this.#options;
    if (nrMismatches > mismatches.length) throw tooManyDifferences(session.pid, nrMismatches);
    if (nrMismatches === 0) return [];
    let lost = [...mismatches];
    // A system call that is under way has changed a page before the module is told.
    for (let tries = 0; lost.length > 0 && tries < maxHarvests; tries++) {
      if (tries > 0) await delay(harvestPauseMs);
      const harvest = await session.harvest();
      session.abort(harvest.epoch);
      lost = unexplained(lost, vmas, harvest);
    }
    return lost;
  }

  #add(
    { nrPages, nrUnreadable, nrBeyondEnd }: MemoryComparison,
    nrLost: number,
    lost: readonly number[],
    startMs: number,
  ): void {
    const report = this.report;
    report.pages += nrPages;
    report.unreadable += nrUnreadable;
    report.beyondEnd += nrBeyondEnd;
    report.lostWrites += nrLost;
    const room = maxAddresses - report.lostAddresses.length;
    report.lostAddresses.push(...lost.slice(0, room).map(formatAddress));
    report.durationMs += performance.now() - startMs;
  }
}

function isTrackedShared({ shared, region }: VmaRecord): boolean {
  return shared && region !== undefined;
}

function isReadOnly({ shared, region, prot }: VmaRecord): boolean {
  return shared && region === undefined && (prot & PROT_WRITE) === 0;
}

/** Shared memory of which it is known whether others, or the kernel, have changed it. */
function isExplicable(vma: VmaRecord): boolean {
  return isTrackedShared(vma) || isReadOnly(vma) || vma.path === aioRing;
}

/**
 * The pages that nobody can have changed: those that a harvest does not report, unless they are not
 * tracked because the target only reads them, or of an AIO ring.
 */
export function unexplained(
  pages: readonly number[],
  vmas: readonly VmaRecord[],
  { runs, overflow }: Pick<Harvest, 'runs' | 'overflow'>,
): number[] {
  if (overflow) return [];
  return pages.filter((page) => {
    const vma = vmaAt(vmas, page);
    if (!vma || !isExplicable(vma)) return true;
    if (vma.region === undefined) return false;
    return !hasPage(runs, vma.region, (vma.regionPage ?? 0) + page - vma.startPage);
  });
}

/** Whether a harvest's runs, which are sorted, have a page of a region. */
function hasPage(runs: Float64Array, region: number, page: number): boolean {
  const at = (row: number, column: number) => runs[row * 3 + column] ?? 0;
  let low = 0;
  let high = runs.length / 3;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const isAfter =
      at(middle, 0) > region || (at(middle, 0) === region && at(middle, 1) + at(middle, 2) > page);
    if (isAfter) high = middle;
    else low = middle + 1;
  }
  return low < runs.length / 3 && at(low, 0) === region && at(low, 1) <= page;
}

/** Finds deleted and replaced files too. Mappings may have been merged since the layout was read. */
function mapFile(pid: number, maps: readonly MapsEntry[], page: number): string {
  const entry = maps.find(({ startPage, endPage }) => startPage <= page && page < endPage);
  return mappedFilePath(pid, entry ?? { startPage: page, endPage: page });
}

function tooManyDifferences(pid: number, nrPages: number): TargetError {
  return new TargetError(
    'TOO_MANY_DIFFERENCES',
    `cannot verify the images of pid ${pid}: ${nrPages} pages of its shared memory differ, too ` +
      'many to tell which of them other processes have changed; it goes on, tracked: stop those, ' +
      'or stop it without --verify',
    { facts: { pid, nrPages } },
  );
}
