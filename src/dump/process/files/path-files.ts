import { statSync } from 'node:fs';
import { isSystemError } from '../../../errors.js';
import type { FileHandler } from './file-handler.js';
import type { OpenDescriptor } from './open-descriptor.js';

/** Major 1 devices that hold no state: null, zero, full, random, urandom. */
const statelessDevices = new Set([3, 5, 7, 8, 9].map((minor) => 0x100 + minor));

/** Regular files that still have their name. */
export const regularFiles: FileHandler = {
  matches: ({ stat, isDeleted, link }) => stat.isFile() && !isDeleted && link.startsWith('/'),
  isSharable: true,
  refusal: otherName,
  collect: ({ link, offset, pid, fd }) => {
    const { size, mtimeNs, ino } = statSync(`/proc/${pid}/fd/${fd}`, { bigint: true });
    const file = { path: link, size: Number(size), mtimeNs, inode: Number(ino) };
    return { kind: 'regular', offset, file };
  },
};

/** Directories, and files opened with O_PATH. */
export const directories: FileHandler = {
  matches: ({ stat, link }) => stat.isDirectory() && link.startsWith('/'),
  isSharable: true,
  refusal: (descriptor) =>
    descriptor.isDeleted ? `deleted directory ${descriptor.link}` : otherName(descriptor),
  collect: ({ link, offset }) => ({ kind: 'directory', path: link, offset }),
};

/** `/dev/null` and its like. */
export const statelessDeviceFiles: FileHandler = {
  matches: ({ stat }) => stat.isCharacterDevice() && statelessDevices.has(stat.rdev),
  isSharable: true,
  refusal: otherName,
  collect: ({ link }) => ({ kind: 'device', path: link }),
};

/** Where another file has the name by now, or the name is one of another mount namespace. */
export function otherName({ link, stat }: OpenDescriptor): string | undefined {
  try {
    const { ino, dev } = statSync(link);
    if (ino === stat.ino && dev === stat.dev) return undefined;
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
  return `${link}, a name that is no longer that file's`;
}
