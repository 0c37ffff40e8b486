/** A heap of whole numbers in a typed array, largest first. */
export class MaxHeap {
  readonly #items: Uint32Array;
  #length = 0;

  constructor(capacity: number) {
    this.#items = new Uint32Array(capacity);
  }

  /** The largest number, or -1 if there is none. */
  get top(): number {
    return this.#length > 0 ? this.#at(0) : -1;
  }

  push(item: number): void {
    let index = this.#length++;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (this.#at(parent) >= item) break;
      this.#items[index] = this.#at(parent);
      index = parent;
    }
    this.#items[index] = item;
  }

  /** Removes the largest number. */
  pop(): void {
    const item = this.#at(--this.#length);
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && this.#at(child + 1) > this.#at(child)) child++;
      if (this.#at(child) <= item) break;
      this.#items[index] = this.#at(child);
      index = child;
    }
    this.#items[index] = item;
  }

  #at(index: number): number {
    return this.#items[index] ?? 0;
  }
}
