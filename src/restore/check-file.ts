import { lstatSync, statSync } from 'node:fs';
import { ImageError } from '../errors.js';
import type { CheckFileStep, CheckPathStep } from './plan/step.js';

/**
 * Makes sure that a file is the one that the process had.
 * @returns a warning where it is another file with the same size and time; nothing otherwise
 * @throws ImageError `FILE_UNREADABLE`, `FILE_CHANGED`
 */
export function checkFile({ file, about }: CheckFileStep): string | undefined {
  const found = lookAt(file.path, about);
  const facts = { file: file.path };
  if (found.size !== BigInt(file.size) || found.mtimeNs !== file.mtimeNs) {
    const now = describe(found.size, found.mtimeNs);
    throw new ImageError(
      'FILE_CHANGED',
      `${file.path}, ${about}, has changed since the dump: it had ` +
        `${describe(BigInt(file.size), file.mtimeNs)} and has ${now}; put the old file back`,
      { facts },
    );
  }
  if (found.ino === BigInt(file.inode)) return undefined;
  return `${file.path}, ${about}, is another file than at the dump, of the same size and time`;
}

/**
 * Makes sure that something is at a path.
 * @returns a warning where it is something else than at the dump; nothing otherwise
 * @throws ImageError `FILE_UNREADABLE`, `FILE_CHANGED`
 */
export function checkPath({ path, inode, isFifo, about }: CheckPathStep): string | undefined {
  const found = lookAt(path, about, lstatSync);
  if (isFifo && !found.isFIFO())
    throw new ImageError(
      'FILE_CHANGED',
      `${path} was a FIFO at the dump, and is something else now: put the FIFO back (mkfifo)`,
      { facts: { file: path } },
    );
  if (found.ino === BigInt(inode)) return undefined;
  return `${path}, ${about}, is another file than at the dump`;
}

function lookAt(path: string, about: string, stat: typeof lstatSync = statSync) {
  try {
    return stat(path, { bigint: true });
  } catch (error) {
    throw new ImageError(
      'FILE_UNREADABLE',
      `cannot find ${path}, ${about}, which the images do not hold: put it back`,
      { cause: error, facts: { file: path } },
    );
  }
}

function describe(size: bigint, mtimeNs: bigint): string {
  const time = new Date(Number(mtimeNs / 1_000_000n)).toISOString();
  return `${size} bytes of ${time}`;
}
