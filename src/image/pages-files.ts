import { open, type FileHandle } from 'node:fs/promises';
import { ImageError } from '../errors.js';
import { native } from '../native.js';
import { pagesFile } from './file-names.js';
import type { ImageDirectory } from './image-directory.js';
import { runPageJob, type PageJob } from './page-job.js';
import { PAGE_SIZE } from './page.js';
import type { PageMap } from './page-map.js';
import { roundError } from './round-error.js';
import type { RoundMeta } from './round-meta.js';

/** The pages files of an images directory: opened when needed, checked before use. */
export class PagesFiles implements AsyncDisposable {
  readonly #directory: ImageDirectory;
  readonly #files = new Map<number, FileHandle>();
  /** per round, one byte per extent: 1 once its checksum was found right */
  readonly #verified = new Map<number, Uint8Array>();

  constructor(directory: ImageDirectory) {
    this.#directory = directory;
  }

  /** @throws ImageError `IMAGES_TRUNCATED` or `IMAGES_UNREADABLE` */
  async fd(round: number): Promise<number> {
    let file = this.#files.get(round);
    if (!file) {
      file = await this.#open(round);
      this.#files.set(round, file);
    }
    return file.fd;
  }

  /**
   * Checks the extents of a round that were not checked before.
   * @throws ImageError `IMAGES_DAMAGED` with round, file and offset
   */
  async verify(round: number, extents: Iterable<number>, job: PageJob = {}): Promise<void> {
    const meta = this.#metaOf(round);
    const verified = this.#verified.get(round) ?? new Uint8Array(meta.extents.length);
    this.#verified.set(round, verified);
    const indexes = [...new Set(extents)].filter((i) => !verified[i] && !meta.extents.isZero(i));
    if (indexes.length === 0) return;
    const fd = await this.fd(round);
    const mismatch = await runPageJob(job, (nativeJob) =>
      native.checkExtents({
        ...nativeJob,
        fd,
        name: this.#directory.pagesPath(round),
        extents: meta.extents.subset(indexes).bytes,
      }),
    );
    if (mismatch >= 0) throw this.#damaged(meta, indexes[mismatch] ?? 0);
    for (const index of indexes) verified[index] = 1;
  }

  /** Checks what a page map takes its content of [startPage, endPage) from. */
  async verifyRange(map: PageMap, startPage: number, endPage: number): Promise<void> {
    const extents = new Map<number, number[]>();
    for (const entry of map.entries(startPage, endPage)) {
      const indexes = extents.get(entry.round);
      if (indexes) indexes.push(entry.extent);
      else extents.set(entry.round, [entry.extent]);
    }
    for (const [round, indexes] of extents) await this.verify(round, indexes);
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    await Promise.all(files.map((file) => file.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open(round: number): Promise<FileHandle> {
    const path = this.#directory.pagesPath(round);
    try {
      return await open(path, 'r');
    } catch (error) {
      throw new ImageError('IMAGES_UNREADABLE', `round ${round}, cannot open ${path}`, {
        cause: error,
        facts: { round, file: path },
      });
    }
  }

  #metaOf(round: number): RoundMeta {
    const meta = this.#directory.rounds[round];
    if (!meta) throw new RangeError(`no round ${round} in ${this.#directory.path}`);
    return meta;
  }

  #damaged(meta: RoundMeta, index: number): ImageError {
    const { page, nrPages, filePage } = meta.extents.at(index);
    const start = filePage * PAGE_SIZE;
    const address = (page * PAGE_SIZE).toString(16);
    const what =
      `${pagesFile(meta.number)}: bytes ${start} to ${start + nrPages * PAGE_SIZE} do not match ` +
      `their checksum (${nrPages} pages from address 0x${address})`;
    const place = { directory: this.#directory.path, number: meta.number };
    return roundError('IMAGES_DAMAGED', place, what);
  }
}
