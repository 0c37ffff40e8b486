import { open, type FileHandle } from 'node:fs/promises';
import { ImageError } from '../errors.js';
import { native } from '../native.js';
import { pagesFile } from './file-names.js';
import type { ImageDirectory } from './image-directory.js';
import { runPageJob, type PageJob } from './page-job.js';
import { PAGE_SIZE } from './page.js';
import type { ContentPiece } from './image-chain.js';
import { roundError } from './round-error.js';
import type { RoundMeta } from './round-meta.js';
import { type StoredExtent, StoredExtents } from './stored-extents.js';

/** Pages of a pages file. */
export interface FileRange {
  filePage: number;
  nrPages: number;
}

/** The pages files of an images directory: opened when needed, checked before use. */
export class PagesFiles implements AsyncDisposable {
  readonly #directory: ImageDirectory;
  readonly #files = new Map<number, FileHandle>();
  /** per round, one byte per stored extent: 1 once its checksum was found right */
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
   * Checks the extents that store `ranges` (pairs filePage, nrPages) of a round's pages file, unless
   * they were checked before.
   * @throws ImageError `IMAGES_DAMAGED` with round, file and offset
   */
  async verify(round: number, ranges: Iterable<FileRange>, job: PageJob = {}): Promise<void> {
    const meta = this.#metaOf(round);
    const stored = StoredExtents.of(meta);
    const verified = this.#verified.get(round) ?? new Uint8Array(stored.length);
    this.#verified.set(round, verified);
    const wanted = new Set<number>();
    for (const { filePage, nrPages } of ranges) {
      const [first, end] = stored.indexesOf(filePage, nrPages);
      for (let i = first; i < end; i++) if (!verified[i]) wanted.add(i);
    }
    if (wanted.size === 0) return;
    const indexes = [...wanted];
    const fd = await this.fd(round);
    const mismatch = await runPageJob(job, (nativeJob) =>
      native.checkExtents({
        ...nativeJob,
        fd,
        name: this.#directory.pagesPath(round),
        extents: stored.subset(indexes),
      }),
    );
    if (mismatch >= 0) throw this.#damaged(meta, stored.at(indexes[mismatch] ?? 0));
    for (const index of indexes) verified[index] = 1;
  }

  /** Checks what some pieces of a member's memory are taken from. */
  async verifyPieces(pieces: Iterable<ContentPiece>, job: PageJob = {}): Promise<void> {
    const ranges = new Map<number, FileRange[]>();
    for (const piece of pieces) {
      if (piece.source !== 'round') continue;
      const list = ranges.get(piece.round);
      if (list) list.push(piece);
      else ranges.set(piece.round, [piece]);
    }
    for (const [round, list] of ranges) await this.verify(round, list, job);
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

  #damaged(meta: RoundMeta, extent: StoredExtent): ImageError {
    const { owner, page, nrPages, filePage } = extent;
    const start = filePage * PAGE_SIZE;
    const address = (page * PAGE_SIZE).toString(16);
    const what =
      `${pagesFile(meta.number)}: bytes ${start} to ${start + nrPages * PAGE_SIZE} do not match ` +
      `their checksum (${owner}, ${nrPages} pages from address 0x${address})`;
    const place = { directory: this.#directory.path, number: meta.number };
    return roundError('IMAGES_DAMAGED', place, what);
  }
}
