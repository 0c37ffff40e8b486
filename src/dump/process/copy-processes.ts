import { open } from 'node:fs/promises';
import { native } from '../../native.js';
import type {
  ExtentTable,
  LayerWriter,
  PageJob,
  PageMap,
  RoundWriter,
  SegmentDetails,
  VmaRecord,
} from '../../image/index.js';
import { PageMapBuilder } from '../../image/page-map.js';
import type { MemberPages } from '../../native-remote.js';
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

/** Numbers in a row of what a process shares: page, nrPages, whose they are, and which page of that one. */
const sharedStride = 4;
const noPages: MemberPages = {
  own: new Float64Array(),
  first: new Float64Array(),
  shared: new Float64Array(),
};

/**
 * Stores the memory of processes that stand together, without the tracker: the pages that private
 * mappings have of their own, each page frame once, by the first one that has it, and shared memory, each
 * segment once. What can be read from files again is left out.
 * @param copies one, or those of a tree
 * @returns the segments, which `vmas` name now
 */
export async function copyProcesses(
  writer: RoundWriter,
  copies: readonly ProcessCopy[],
  job: PageJob,
): Promise<SegmentDetails[]> {
  const pages = await native.memberPages(
    copies.map(({ pid }) => pid),
    copies.map(privateRanges),
  );
  const places: PageMap[] = [];
  for (const [i, copy] of copies.entries()) {
    job.signal?.throwIfAborted();
    const found = pages[i] ?? noPages;
    const first = await appendPages(writer, copy, found, job);
    places.push(placesOf(first, writer.number));
    addShared(writer.member(copy.member), found.shared, places, writer.number);
  }
  return copySegments(writer, copies, job);
}

/** Private mappings that have pages of their own: start and end page; and so on. */
function privateRanges({ vmas, mappings }: ProcessCopy): Float64Array {
  const ranges = new RunTable(2);
  vmas.forEach((vma, i) => {
    const isOwn = vma.kind === 'anon-private' || vma.kind === 'file-private';
    if (isOwn && mappings[i]?.hasOwnPages) ranges.push(vma.startPage, vma.endPage);
  });
  return ranges.view();
}

/**
 * Stores pages of a process at their addresses. What others may have too is not read by
 * process_vm_readv: that pins pages, for which the kernel gives the process copies of its own.
 * @returns where the `first` ones are
 */
async function appendPages(
  writer: RoundWriter,
  { pid, member }: ProcessCopy,
  { own, first }: MemberPages,
  job: PageJob,
): Promise<ExtentTable> {
  await using memory = await open(`/proc/${pid}/mem`, 'r');
  const source = { sourceFd: memory.fd, sourceName: `the memory of pid ${pid}` };
  const layer = writer.member(member);
  await layer.append({ ...source, sourcePid: pid, runs: runsOf(own), ...job });
  const { extents } = await layer.append({ ...source, runs: runsOf(first), ...job });
  return extents;
}

function runsOf(pages: Float64Array): Float64Array {
  const runs = new RunTable(3);
  for (let i = 0; i < pages.length; i += 2)
    runs.push(pages[i] ?? 0, pages[i] ?? 0, pages[i + 1] ?? 0);
  return runs.view();
}

/** Where pages are that were stored by address. */
function placesOf(extents: ExtentTable, round: number): PageMap {
  const places = new PageMapBuilder();
  for (let i = 0; i < extents.length; i++) {
    const place = extents.isZero(i) ? -1 : extents.filePage(i);
    places.add(extents.page(i), extents.nrPages(i), round, place);
  }
  return places.build();
}

/** Refers to what others have stored. What has turned out to be zeros is in no file. */
function addShared(
  writer: LayerWriter,
  shared: Float64Array,
  places: readonly PageMap[],
  round: number,
): void {
  for (let i = 0; i < shared.length; i += sharedStride) {
    const [page = 0, nrPages = 0, owner = 0, ownersPage = 0] = shared.subarray(i, i + sharedStride);
    let nrFound = 0;
    for (const stored of places[owner]?.entries(ownersPage, ownersPage + nrPages) ?? []) {
      const at = page + stored.page - ownersPage;
      nrFound += stored.nrPages;
      if (stored.isZero) writer.appendZeros(at, stored.nrPages);
      else writer.addRefs(at, stored.nrPages, round, stored.filePage);
    }
    if (nrFound !== nrPages)
      throw new Error(
        `page ${page}: ${nrPages} pages of process ${owner}, ${nrFound} of them stored`,
      );
  }
}
