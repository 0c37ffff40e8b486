import { closeSync, fstatSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { native } from '../../native.js';
import { PAGE_SIZE } from '../../image/page.js';
import { segmentKey } from '../../image/vma-record.js';
import type { PageJob, RoundWriter, SegmentDetails, VmaRecord } from '../../image/index.js';
import { mappedFilePath } from '../../proc/mapped-file.js';
import type { SmapsEntry } from '../../proc/smaps.js';
import { pushData } from '../sources.js';
import { RunTable } from '../runs.js';

/** A process whose memory is copied while it stands. */
export interface ProcessCopy extends PageJob {
  pid: number;
  /** number in the images */
  member: number;
  writer: RoundWriter;
  /** as they are, and their records: one list for the other */
  mappings: readonly SmapsEntry[];
  vmas: readonly VmaRecord[];
}

/**
 * Stores a process' memory without the tracker: the pages that private mappings have of their own,
 * and shared memory, each segment once. What can be read from files again is left out.
 * @returns the segments, which `vmas` name now
 */
export async function copyProcess(copy: ProcessCopy): Promise<SegmentDetails[]> {
  await copyPrivate(copy);
  return copyShared(copy);
}

async function copyPrivate(copy: ProcessCopy): Promise<void> {
  const { pid, member, writer, mappings, vmas, progress, signal } = copy;
  const ranges = new RunTable(2);
  vmas.forEach((vma, i) => {
    const isOwn = vma.kind === 'anon-private' || vma.kind === 'file-private';
    if (isOwn && mappings[i]?.hasOwnPages) ranges.push(vma.startPage, vma.endPage);
  });
  await using pagemap = await open(`/proc/${pid}/pagemap`, 'r');
  const pages = await native.pagemapRuns(pagemap.fd, ranges.view());
  const runs = new RunTable(3);
  for (let i = 0; i < pages.length; i += 2)
    runs.push(pages[i] ?? 0, pages[i] ?? 0, pages[i + 1] ?? 0);
  await using memory = await open(`/proc/${pid}/mem`, 'r');
  await writer.member(member).append({
    sourceFd: memory.fd,
    sourcePid: pid,
    sourceName: `the memory of pid ${pid}`,
    runs: runs.view(),
    progress,
    signal,
  });
}

async function copyShared(copy: ProcessCopy): Promise<SegmentDetails[]> {
  const segments = new Map<string, SegmentDetails>();
  for (const vma of copy.vmas) {
    if (vma.kind !== 'anon-shared') continue;
    const key = segmentKey(vma);
    let segment = segments.get(key);
    if (!segment) {
      segment = await copySegment(copy, vma, segments.size);
      segments.set(key, segment);
    }
    vma.segment = segment.segment;
  }
  return [...segments.values()];
}

/** All of a segment, mapped or not, through one of its mappings. */
async function copySegment(
  { pid, writer, progress, signal }: ProcessCopy,
  vma: VmaRecord,
  segment: number,
): Promise<SegmentDetails> {
  const { startPage, endPage, dev, inode, path, offset } = vma;
  const sourceName = mappedFilePath(pid, vma);
  const sourceFd = openSync(sourceName, 'r');
  try {
    const nrFilePages = Math.ceil(fstatSync(sourceFd).size / PAGE_SIZE);
    const nrPages = Math.max(nrFilePages, offset / PAGE_SIZE + endPage - startPage);
    const runs = new RunTable(3);
    await pushData(runs, sourceFd, [{ page: 0, endPage: nrFilePages, regionPage: 0 }]);
    await writer
      .segment(segment)
      .append({ sourceFd, sourceName, runs: runs.view(), progress, signal });
    return { segment, dev, inode, path, nrPages, kind: 'full' };
  } finally {
    closeSync(sourceFd);
  }
}
