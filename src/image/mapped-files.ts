import { open, type FileHandle } from 'node:fs/promises';
import { ImageError } from '../errors.js';
import type { VmaRecord } from './vma-record.js';

/** How to get at the file that a VMA maps. The handle is closed by the one who asked. */
export type OpenMappedFile = (vma: VmaRecord) => Promise<FileHandle>;

/** The files behind file mappings, each opened once. */
export class MappedFiles implements AsyncDisposable {
  readonly #open: OpenMappedFile;
  readonly #files = new Map<string, FileHandle>();

  /** By default a file is opened by its path, and has to be as it was at the dump. */
  constructor(open: OpenMappedFile = openUnchanged) {
    this.#open = open;
  }

  /** @throws ImageError `FILE_UNREADABLE` or `FILE_CHANGED` */
  async fd(vma: VmaRecord): Promise<number> {
    const { fd } = await this.file(vma);
    return fd;
  }

  /** @throws ImageError `FILE_UNREADABLE` or `FILE_CHANGED` */
  async file(vma: VmaRecord): Promise<FileHandle> {
    const key = `${vma.dev} ${vma.inode} ${vma.path}`;
    let file = this.#files.get(key);
    if (!file) {
      file = await this.#open(vma);
      this.#files.set(key, file);
    }
    return file;
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    await Promise.all(files.map((file) => file.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function openUnchanged(vma: VmaRecord): Promise<FileHandle> {
  const file = await openPath(vma);
  try {
    const { size, mtimeNs } = await file.stat({ bigint: true });
    const isOtherSize = vma.fileSize !== undefined && BigInt(vma.fileSize) !== size;
    const isOtherTime = vma.fileMtimeNs !== undefined && vma.fileMtimeNs !== mtimeNs;
    if (!isOtherSize && !isOtherTime) return file;
    throw new ImageError(
      'FILE_CHANGED',
      `${vma.path} has changed since the images were taken: put the old file back`,
      { facts: { file: vma.path } },
    );
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openPath(vma: VmaRecord): Promise<FileHandle> {
  try {
    return await open(vma.path, 'r');
  } catch (error) {
    throw new ImageError(
      'FILE_UNREADABLE',
      `cannot open ${vma.path}, which the target maps and the images do not store: put it back`,
      { cause: error, facts: { file: vma.path } },
    );
  }
}
