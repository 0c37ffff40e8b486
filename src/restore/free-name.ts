import { lstatSync, unlinkSync } from 'node:fs';
import { ImageError, isSystemError } from '../errors.js';
import { native } from '../native.js';
import type { FreeNameStep } from './plan/step.js';

/**
 * Removes the socket's name that a process has left behind when it ended.
 * @throws ImageError `NAME_TAKEN` where something else has the name
 */
export function freeName({ path, inode }: FreeNameStep): void {
  const found = lookAt(path);
  if (!found) return;
  if (found.isSocket() && found.ino === inode) {
    unlinkSync(path);
    return;
  }
  throw new ImageError(
    'NAME_TAKEN',
    `cannot bind a socket to ${path}: another file has that name by now; move it away`,
    { facts: { file: path } },
  );
}

/** Removes the name of a socket that is gone with the process that was being restored. */
export function removeName(path: string): void {
  const found = lookAt(path);
  if (!found?.isSocket()) return;
  if (!native.unixSockets().some(({ nameInode }) => nameInode === found.ino)) unlinkSync(path);
}

function lookAt(path: string) {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
