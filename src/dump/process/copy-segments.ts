import { closeSync, fstatSync, openSync } from 'node:fs';
import { PAGE_SIZE } from '../../image/page.js';
import { segmentKey } from '../../image/vma-record.js';
import type { PageJob, RoundWriter, SegmentDetails, VmaRecord } from '../../image/index.js';
import { mappedFilePath } from '../../proc/mapped-file.js';
import { RunTable } from '../runs.js';
import { pushData } from '../sources.js';

/** Whose shared memory is stored. */
export interface Mapper {
  pid: number;
  vmas: readonly VmaRecord[];
}

/** Shared memory, and who shows it where. */
interface Segment {
  /** of the first one that maps it */
  pid: number;
  vmas: VmaRecord[];
}

/**
 * Stores the shared memory of processes that stand, each segment once: all of it, mapped or not.
 * @returns the segments, which the processes' `vmas` name now
 */
export async function copySegments(
  writer: RoundWriter,
  mappers: readonly Mapper[],
  job: PageJob,
): Promise<SegmentDetails[]> {
  const found = new Map<string, Segment>();
  for (const { pid, vmas } of mappers)
    for (const vma of vmas) {
      if (vma.kind !== 'anon-shared') continue;
      const key = segmentKey(vma);
      const known = found.get(key);
      if (known) known.vmas.push(vma);
      else found.set(key, { pid, vmas: [vma] });
    }
  const stored: SegmentDetails[] = [];
  for (const segment of found.values()) {
    const details = await copySegment(writer, segment, stored.length, job);
    if (details) stored.push(details);
  }
  return stored;
}

/** Through one of its mappings. */
async function copySegment(
  writer: RoundWriter,
  { pid, vmas }: Segment,
  segment: number,
  job: PageJob,
): Promise<SegmentDetails | undefined> {
  const [first] = vmas;
  if (!first) return undefined;
  const { dev, inode, path } = first;
  const sourceName = mappedFilePath(pid, first);
  const sourceFd = openSync(sourceName, 'r');
  try {
    const nrFilePages = Math.ceil(fstatSync(sourceFd).size / PAGE_SIZE);
    const runs = new RunTable(3);
    await pushData(runs, sourceFd, [{ page: 0, endPage: nrFilePages, regionPage: 0 }]);
    await writer.segment(segment).append({ sourceFd, sourceName, runs: runs.view(), ...job });
    for (const vma of vmas) vma.segment = segment;
    const nrPages = vmas.reduce((nr, vma) => Math.max(nr, endInside(vma)), nrFilePages);
    return { segment, dev, inode, path, nrPages, kind: 'full' };
  } finally {
    closeSync(sourceFd);
  }
}

/** The page inside the segment behind the last one that a mapping shows. */
function endInside({ offset, startPage, endPage }: VmaRecord): number {
  return offset / PAGE_SIZE + endPage - startPage;
}
