import type { FileHandle } from 'node:fs/promises';
import { PAGE_SIZE } from './page.js';
import { isFileBacked, isSegment, vmaAt, type VmaRecord } from './vma-record.js';

/**
 * How many pages lie behind the end of the file that they map: there is no such memory, an access is
 * a SIGBUS. A program that shortens a file gets there, if only until it lengthens it again.
 * @param runs page, nrPages pairs
 * @param vmas sorted
 * @param fileOf the file as it is now
 */
export async function countBeyondEnd(
  runs: Float64Array,
  vmas: readonly VmaRecord[],
  fileOf: (vma: VmaRecord) => Promise<FileHandle>,
): Promise<number> {
  let count = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const [first = 0, nrPages = 0] = runs.subarray(i, i + 2);
    // One run may go through several mappings.
    for (let page = first; page < first + nrPages;) {
      const vma = vmaAt(vmas, page);
      const end = Math.min(first + nrPages, vma?.endPage ?? page + 1);
      if (vma && (isFileBacked(vma) || isSegment(vma))) {
        const { size } = await (await fileOf(vma)).stat();
        const endOfFile = vma.startPage + Math.ceil((size - vma.offset) / PAGE_SIZE);
        count += Math.max(0, end - Math.max(page, endOfFile));
      }
      page = end;
    }
  }
  return count;
}
