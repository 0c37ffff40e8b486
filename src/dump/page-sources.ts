import { closeSync } from 'node:fs';
import type { PageSource } from '../image/index.js';

/** Files that pages are read from in one job. They are open until that is done. */
export class PageSources implements Disposable {
  readonly #list: PageSource[] = [];
  readonly #fds: number[] = [];

  /** Sees to it that an fd is closed. */
  keep(fd: number): number {
    this.#fds.push(fd);
    return fd;
  }

  /**
   * Adds pages; none are left out.
   * @returns the number of their source in what the job says; undefined without pages
   */
  add(source: PageSource): number | undefined {
    if (source.runs.length === 0) return undefined;
    return this.#list.push(source) - 1;
  }

  get list(): readonly PageSource[] {
    return this.#list;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.splice(0)) closeSync(fd);
  }
}
