import { statfsSync } from 'node:fs';
import { isSystemError } from '../../../errors.js';
import type { FileHandler } from './file-handler.js';
import type { OpenDescriptor } from './open-descriptor.js';
import { otherName } from './path-files.js';

/** procfs, sysfs, cgroups of both versions */
const kernelFileSystems = new Set([0x9fa0, 0x62656572, 0x63677270, 0x27e0eb]);
const accessMode = 3;
/** Files that are told when to wake whoever polls them. */
const triggers = /^\/proc\/pressure\/|\.pressure$/;
/** What belongs to one process, or to one of its threads. */
const ofProcess = /^\/proc\/(\d+)\/(?:task\/(\d+)\/)?/;

/** Files that the kernel writes while they are read: they have no size, and no time that means anything. */
export const kernelFiles: FileHandler = {
  matches: (descriptor) =>
    descriptor.stat.isFile() &&
    !descriptor.isDeleted &&
    descriptor.link.startsWith('/') &&
    isKernels(descriptor),
  isSharable: true,
  refusal: (descriptor) => {
    const { link, pid, flags } = descriptor;
    const [, process = pid, thread = process] = ofProcess.exec(link) ?? [];
    if (Number(process) !== pid) return `${link}, which is about another process`;
    // Threads come after files.
    if (Number(thread) !== pid) return `${link}, which is about a thread`;
    if (triggers.test(link) && (flags & accessMode) !== 0)
      return `${link}, opened for writing: it may wait for a trigger`;
    return otherName(descriptor);
  },
  collect: ({ link, offset }) => ({ kind: 'kernel', path: link, offset }),
};

function isKernels({ pid, fd }: OpenDescriptor): boolean {
  try {
    return kernelFileSystems.has(statfsSync(`/proc/${pid}/fd/${fd}`).type);
  } catch (error) {
    // Closed meanwhile.
    if (isSystemError(error)) return false;
    throw error;
  }
}
