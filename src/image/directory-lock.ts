import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageError, isSystemError } from '../errors.js';
import { native } from '../native.js';
import { LOCK_FILE } from './file-names.js';
import { toWriteError } from './write-error.js';

/** Keeps other writers out of an images directory. It ends with its process at the latest. */
export class DirectoryLock {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @throws ImageError `IMAGES_LOCKED` with the pid of the writer that holds it */
  static async acquire(directory: string): Promise<DirectoryLock> {
    const path = join(directory, LOCK_FILE);
    const file = await openLockFile(path);
    try {
      await lock(file, directory);
      await file.truncate();
      await file.write(`${process.pid}\n`, 0);
    } catch (error) {
      await file.close();
      throw toWriteError(error, 'locking the images directory', path);
    }
    return new DirectoryLock(file);
  }

  async release(): Promise<void> {
    await this.#file.close();
  }
}

async function openLockFile(path: string): Promise<FileHandle> {
  try {
    // 'a+' creates the file but leaves the holder's pid in it.
    const created = await open(path, 'a+', 0o600);
    await created.close();
    return await open(path, 'r+');
  } catch (error) {
    throw toWriteError(error, 'locking the images directory', path);
  }
}

async function lock(file: FileHandle, directory: string): Promise<void> {
  try {
    native.flock(file.fd, true, true);
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'EAGAIN') throw error;
    const holder = (await file.readFile('utf8')).trim() || 'unknown';
    throw new ImageError(
      'IMAGES_LOCKED',
      `pid ${holder} is writing to the images directory ${directory}: wait for it or stop it`,
      { cause: error, facts: { directory, holder } },
    );
  }
}
