import type {
  ExtentTable,
  LayerWriter,
  PageJob,
  PageMap,
  RoundWriter,
  SegmentDetails,
} from '../../image/index.js';
import { PageMapBuilder } from '../../image/page-map.js';
import { native } from '../../native.js';
import { appendPages, privateRanges, type ProcessCopy } from '../process/copy-process.js';
import { copySegments } from '../process/copy-segments.js';

/** A row of what a member shares: page, nrPages, whose they are, and which page of that one. */
const sharedStride = 4;

/**
 * Stores the memory of processes that stand together: each page frame of private memory once, by the
 * first one that has it, and each segment of shared memory once.
 * @param copies in the order of their numbers
 * @returns the segments, which `vmas` name now
 */
export async function copyTree(
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
    const { own, shared } = pages[i] ?? noPages;
    const extents = await appendPages(writer, copy, own, job);
    places.push(placesOf(extents, writer.number));
    addShared(writer.member(copy.member), shared, places, writer.number);
  }
  return copySegments(writer, copies, job);
}

const noPages = { own: new Float64Array(), shared: new Float64Array() };

/** Where a member's own pages are. They were stored by address. */
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
        `page ${page}: ${nrPages} pages of member ${owner}, ${nrFound} of them stored`,
      );
  }
}
