import { lstatSync } from 'node:fs';
import { isSystemError } from '../../../errors.js';
import { native } from '../../../native.js';
import { mountsOf } from '../../../proc/mounts.js';
import type { Watch } from '../../../process/watch-record.js';
import type { FileHandler } from './file-handler.js';
import type { OpenDescriptor } from './open-descriptor.js';

/** The restore counts up to a watch's number, call by call. */
const MAX_WATCH = 1 << 20;
/** IN_DONT_FOLLOW */
const dontFollow = 0x02000000;

/** A watch as procfs shows it. */
interface ShownWatch {
  wd: number;
  inode: number;
  /** `8:1` */
  device: string;
  mask: number;
  handleType: number;
  handle: Uint8Array;
}

/** What is watched by inotify: files that still have a path, and no events that wait. */
export const inotifyFiles: FileHandler = {
  matches: ({ link }) => link === 'anon_inode:inotify',
  refusal: (descriptor) => {
    const waiting = native.bytesWaiting(descriptor.pid, descriptor.fd);
    if (waiting > 0)
      return `inotify with ${waiting} bytes of events that it has not read: try again when it has`;
    for (const watch of shownWatches(descriptor)) {
      const { wd, inode, device } = watch;
      const name = `inotify watch ${wd} of inode ${inode} on device ${device}`;
      if (pathOf(watch) === undefined) return `${name}, which has no path any more`;
      if (wd > MAX_WATCH) return `${name}: numbers up to ${MAX_WATCH} can be restored`;
    }
    return undefined;
  },
  collect: (descriptor) => ({
    kind: 'inotify',
    watches: shownWatches(descriptor)
      .map(toRecord)
      .sort((a, b) => a.wd - b.wd),
  }),
};

const watchLine =
  /^inotify wd:([0-9a-f]+) ino:([0-9a-f]+) sdev:([0-9a-f]+) mask:([0-9a-f]+) \S+(?: fhandle-bytes:\S+ fhandle-type:([0-9a-f]+) f_handle:([0-9a-f]+))?/gm;

function shownWatches({ info }: OpenDescriptor): ShownWatch[] {
  return [...info.matchAll(watchLine)].map((fields) => {
    const [wd = 0, inode = 0, device = 0, mask = 0, handleType = 0] = fields
      .slice(1, 6)
      .map((text) => parseInt(text || '0', 16));
    const handle = new Uint8Array(Buffer.from(fields[6] ?? '', 'hex'));
    // As the kernel packs device numbers inside.
    const name = `${device >>> 20}:${device & 0xfffff}`;
    return { wd, inode, device: name, mask, handleType, handle };
  });
}

function toRecord(watch: ShownWatch): Watch {
  const { wd, inode, mask } = watch;
  const path = pathOf(watch) ?? '';
  const follow = lstatSync(path).isSymbolicLink() ? dontFollow : 0;
  return { wd, inode, path, mask: (mask | follow) >>> 0 };
}

/** Where the file is now, which the kernel finds by its handle. */
function pathOf({ inode, device, handleType, handle }: ShownWatch): string | undefined {
  if (handle.length === 0) return undefined;
  return mountsOf('self')
    .filter((mount) => mount.device === device)
    .map((mount) => unlessFailed(() => native.pathOfHandle(mount.path, handleType, handle)))
    .find((path) => path !== undefined && isInode(path, inode));
}

function isInode(path: string, inode: number): boolean {
  return unlessFailed(() => lstatSync(path).ino) === inode;
}

function unlessFailed<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}
