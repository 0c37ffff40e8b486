import type { VmaRecord } from '../image/index.js';
import { isSegment, isSysV } from '../image/vma-record.js';

/** What rounds look for in a layout. */
export interface LayoutParts {
  /** mappings of memory that is shared, tracked or not */
  shared: readonly VmaRecord[];
  /** mappings whose content is the member's: all but those of segments */
  own: readonly VmaRecord[];
}

const known = new WeakMap<readonly VmaRecord[], LayoutParts>();

/** Looks through a layout once, however many rounds it lasts. */
export function partsOf(vmas: readonly VmaRecord[]): LayoutParts {
  let parts = known.get(vmas);
  if (!parts) {
    parts = {
      shared: vmas.filter(({ shared }) => shared),
      own: vmas.filter((vma) => !showsSegment(vma)),
    };
    known.set(vmas, parts);
  }
  return parts;
}

/** Whether a mapping's content is stored with a segment: what has a number to be known by. */
export function showsSegment(vma: VmaRecord): boolean {
  return isSegment(vma) && (vma.inode !== 0 || isSysV(vma));
}
