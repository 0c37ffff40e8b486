import { ImageError } from '../../errors.js';
import { TASK_END, TASK_START } from './constants.js';

/** Addresses from `start` to before `end`. */
export interface AddressRange {
  start: number;
  end: number;
}

/** Which addresses are taken, by anybody who matters. */
export class AddressSpace {
  /** sorted, do not touch */
  #taken: AddressRange[];

  constructor(ranges: Iterable<AddressRange>) {
    this.#taken = merged([...ranges]);
  }

  /** The most addresses that are free in one piece, but for a page on both sides. */
  largest(): AddressRange {
    let best: AddressRange = { start: 0, end: 0 };
    let start = TASK_START;
    for (const range of [...this.#taken, { start: TASK_END, end: TASK_END }]) {
      const end = Math.min(range.start, TASK_END);
      if (end - start > best.end - best.start) best = { start, end };
      start = Math.max(start, range.end);
    }
    return { start: best.start + pageSize, end: best.end - pageSize };
  }

  /**
   * Takes `bytes` of free addresses, the highest there are; with a free page on both sides, so that
   * nothing is merged with it.
   * @throws ImageError `NO_ADDRESSES`
   */
  take(bytes: number): number {
    const needed = bytes + 2 * pageSize;
    let end = TASK_END;
    for (let i = this.#taken.length - 1; i >= -1; i--) {
      const range = this.#taken[i];
      const start = range ? Math.min(range.end, TASK_END) : TASK_START;
      if (end - start >= needed) {
        const address = end - bytes - pageSize;
        this.#taken = merged([...this.#taken, { start: address, end: address + bytes }]);
        return address;
      }
      end = Math.min(end, range?.start ?? end);
    }
    throw new ImageError(
      'NO_ADDRESSES',
      `the images' mappings leave no ${bytes} bytes of addresses free, which a restore needs`,
      { facts: { bytes } },
    );
  }
}

const pageSize = 4096;

function merged(ranges: AddressRange[]): AddressRange[] {
  ranges.sort((a, b) => a.start - b.start);
  const result: AddressRange[] = [];
  for (const { start, end } of ranges) {
    const last = result.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}
