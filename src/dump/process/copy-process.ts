import { open } from 'node:fs/promises';
import { native } from '../../native.js';
import type {
  ExtentTable,
  PageJob,
  RoundWriter,
  SegmentDetails,
  VmaRecord,
} from '../../image/index.js';
import type { SmapsEntry } from '../../proc/smaps.js';
import { RunTable } from '../runs.js';
import { copySegments } from './copy-segments.js';

/** A process whose memory is copied while it stands. */
export interface ProcessCopy {
  pid: number;
  /** number in the images */
  member: number;
  /** as they are, and their records: one list for the other */
  mappings: readonly SmapsEntry[];
  vmas: readonly VmaRecord[];
}

/**
 * Stores a process' memory without the tracker: the pages that private mappings have of their own,
 * and shared memory, each segment once. What can be read from files again is left out.
 * @returns the segments, which `vmas` name now
 */
export async function copyProcess(
  writer: RoundWriter,
  copy: ProcessCopy,
  job: PageJob,
): Promise<SegmentDetails[]> {
  await using pagemap = await open(`/proc/${copy.pid}/pagemap`, 'r');
  const pages = await native.pagemapRuns(pagemap.fd, privateRanges(copy));
  await appendPages(writer, copy, pages, job);
  return copySegments(writer, [copy], job);
}

/** Private mappings that have pages of their own: start and end page; and so on. */
export function privateRanges({ vmas, mappings }: ProcessCopy): Float64Array {
  const ranges = new RunTable(2);
  vmas.forEach((vma, i) => {
    const isOwn = vma.kind === 'anon-private' || vma.kind === 'file-private';
    if (isOwn && mappings[i]?.hasOwnPages) ranges.push(vma.startPage, vma.endPage);
  });
  return ranges.view();
}

/**
 * Stores pages of a process at their addresses.
 * @param pages page, nrPages; and so on
 * @returns where they are stored, in their order
 */
export async function appendPages(
  writer: RoundWriter,
  { pid, member }: ProcessCopy,
  pages: Float64Array,
  job: PageJob,
): Promise<ExtentTable> {
  const runs = new RunTable(3);
  for (let i = 0; i < pages.length; i += 2)
    runs.push(pages[i] ?? 0, pages[i] ?? 0, pages[i + 1] ?? 0);
  await using memory = await open(`/proc/${pid}/mem`, 'r');
  const { extents } = await writer.member(member).append({
    sourceFd: memory.fd,
    sourcePid: pid,
    sourceName: `the memory of pid ${pid}`,
    runs: runs.view(),
    ...job,
  });
  return extents;
}
