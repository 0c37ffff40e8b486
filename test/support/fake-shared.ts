import { closeSync, openSync, writeSync } from 'node:fs';
import { pageOf } from '../unit/image/fixtures.js';
import type { FakeTarget } from './fake-target.js';

/** Shared memory that fake targets map: its content is a file's. */
export class FakeShared {
  /** by target, the region */
  readonly trackers = new Map<FakeTarget, number>();
  /** pages that were written since the log was handed out */
  readonly #log = new Set<number>();

  constructor(
    readonly path: string,
    readonly nrPages: number,
  ) {}

  /** Somebody writes a page. */
  put(page: number, content: number): void {
    writePage(this.path, page, content);
    this.#log.add(page);
  }

  /** As a harvest does that reports shared memory: what was written is in the logs of all. */
  handOut(): void {
    for (const page of this.#log)
      for (const [target, region] of this.trackers) target.log.push([region, page]);
    this.#log.clear();
  }
}

/** Writes a page of a file that stands for memory. */
export function writePage(path: string, page: number, content: number): void {
  const fd = openSync(path, 'r+');
  try {
    writeSync(fd, pageOf(content), 0, 4096, page * 4096);
  } finally {
    closeSync(fd);
  }
}
