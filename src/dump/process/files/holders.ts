import { readdirSync, readlinkSync } from 'node:fs';
import { native } from '../../../native.js';
import type { OpenDescriptor } from './open-descriptor.js';

const kcmpFile = 0;

/**
 * Other processes that have something open, by the name that procfs has for it: `pipe:[123]`.
 * @param pid the one that is known to
 */
export function holdersOf(link: string, pid: number, proc = '/proc'): number[] {
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => other !== pid && hasOpen(other, link, proc));
}

/** Processes come and go while they are looked at. */
function hasOpen(pid: number, link: string, proc: string): boolean {
  const directory = `${proc}/${pid}/fd`;
  try {
    return readdirSync(directory).some((fd) => isLink(`${directory}/${fd}`, link));
  } catch {
    return false;
  }
}

function isLink(path: string, link: string): boolean {
  try {
    return readlinkSync(path) === link;
  } catch {
    return false;
  }
}

/** Other processes that have not only the same thing open, but by the very same open file. */
export function sharersOf({ pid, fd, link, isDeleted }: OpenDescriptor): number[] {
  const shown = isDeleted ? `${link} (deleted)` : link;
  return holdersOf(shown, pid).filter((other) =>
    descriptorsOf(other, shown).some((its) => isOneFile(pid, fd, other, its)),
  );
}

function descriptorsOf(pid: number, link: string): number[] {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory)
      .filter((fd) => isLink(`${directory}/${fd}`, link))
      .map(Number);
  } catch {
    return [];
  }
}

function isOneFile(pid: number, fd: number, other: number, its: number): boolean {
  try {
    return native.kcmp(pid, other, kcmpFile, fd, its) === 0;
  } catch {
    // It has gone, or closed it, meanwhile.
    return false;
  }
}
