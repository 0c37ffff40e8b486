import { native } from '../native.js';

/** Types of kcmp(2). */
export const kcmpTypes = { file: 0, memory: 1, files: 2, directories: 3, handlers: 4 } as const;

/** What is compared: something of a process, and which one where it has several. */
export interface KernelThing {
  pid: number;
  /** descriptor; 0 where there is only one */
  index: number;
}

/** Greater in the kernel's order, which has nothing to do with age or address. */
const greater = 2;

/** Tells which of many things are one to the kernel, each by comparison with a few others. */
export class KernelOrder<T extends KernelThing> {
  readonly #type: number;
  readonly #sorted: T[] = [];

  /** @param type one of {@link kcmpTypes} */
  constructor(type: number) {
    this.#type = type;
  }

  /**
   * Looks for the same thing among those that were looked for before.
   * @returns undefined if it is new
   * @throws SystemError `ESRCH`, `EBADF` of what has gone
   */
  findOrAdd(thing: T): T | undefined {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#sorted[middle];
      if (!other) break;
      const order = native.kcmp(thing.pid, other.pid, this.#type, thing.index, other.index);
      if (order === 0) return other;
      if (order === greater) low = middle + 1;
      else high = middle;
    }
    this.#sorted.splice(low, 0, thing);
    return undefined;
  }
}
