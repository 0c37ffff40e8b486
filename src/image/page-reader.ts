import { read } from 'node:fs';
import { promisify } from 'node:util';
import { ImageError } from '../errors.js';
import { ImageChain, type ContentPiece } from './image-chain.js';
import type { ImageDirectory } from './image-directory.js';
import { MappedFiles, type OpenMappedFile } from './mapped-files.js';
import { PAGE_SIZE } from './page.js';
import { PagesFiles } from './pages-files.js';

const readAt = promisify(read);

/** What a page reader looks at. */
export interface PageReaderOptions {
  /** whose memory; the first member's if absent */
  member?: number;
  /** round number; the last one if absent */
  upTo?: number;
  openMappedFile?: OpenMappedFile;
}

/**
 * Reads a member's memory as it was at one round, with checksums verified.
 * Close it, or use it with `await using`; the directory stays open.
 */
export class PageReader implements AsyncDisposable {
  readonly chain: ImageChain;
  readonly #pagesFiles: PagesFiles;
  readonly #mappedFiles: MappedFiles;

  constructor(directory: ImageDirectory, { openMappedFile, ...options }: PageReaderOptions = {}) {
    this.chain = new ImageChain(directory.rounds, options);
    this.#pagesFiles = new PagesFiles(directory);
    this.#mappedFiles = new MappedFiles(openMappedFile);
  }

  /**
   * The content of `nrPages` pages, all of them mapped. A file's part behind its
   * end reads as zeros, and so does a `special` mapping that was not stored.
   * @throws ImageError `PAGE_NOT_MAPPED`, `IMAGES_DAMAGED`, `FILE_CHANGED`, ...
   */
  async read(page: number, nrPages = 1): Promise<Buffer> {
    const endPage = page + nrPages;
    await this.#pagesFiles.verifyPieces(this.chain.pieces(page, endPage));
    const buffer = Buffer.alloc(nrPages * PAGE_SIZE);
    let position = page;
    for (const piece of this.chain.pieces(page, endPage)) {
      if (piece.page !== position) break;
      const start = (piece.page - page) * PAGE_SIZE;
      await this.#readPiece(piece, buffer.subarray(start, start + piece.nrPages * PAGE_SIZE));
      position += piece.nrPages;
    }
    if (position !== endPage) throw this.#notMapped(position);
    return buffer;
  }

  async close(): Promise<void> {
    await this.#pagesFiles.close();
    await this.#mappedFiles.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #readPiece(piece: ContentPiece, into: Buffer): Promise<void> {
    if (piece.source === 'zero') return;
    const fd =
      piece.source === 'round'
        ? await this.#pagesFiles.fd(piece.round)
        : await this.#mappedFiles.fd(piece.vma);
    let done = 0;
    while (done < into.length) {
      const offset = piece.filePage * PAGE_SIZE + done;
      const { bytesRead } = await readAt(fd, into, done, into.length - done, offset);
      if (bytesRead === 0) return;
      done += bytesRead;
    }
  }

  #notMapped(page: number): ImageError {
    const { number } = this.chain.meta;
    const { target } = this.chain.record;
    const address = (page * PAGE_SIZE).toString(16);
    return new ImageError(
      'PAGE_NOT_MAPPED',
      `address 0x${address} is in no mapping of pid ${target.pid} in round ${number}`,
      { facts: { page, round: number } },
    );
  }
}
