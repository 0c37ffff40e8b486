import { native } from '../../../native.js';
import type { FileOwner } from '../../../process/lock-record.js';
import { threadsOf } from '../../../proc/threads.js';
import type { OpenDescriptor } from './open-descriptor.js';

const ownerType = { thread: 0, process: 1, group: 2 } as const;

/** Who gets an open file's signals; nothing where nobody has been named. */
export function ownerOf({ pid, fd }: OpenDescriptor): FileOwner | undefined {
  const owner = native.fileOwner(pid, fd);
  return owner.id === 0 && owner.signal === 0 ? undefined : owner;
}

/** Signals for somebody outside the process, who may be another one at the restore. */
export function refusedOwner(descriptor: OpenDescriptor): string | undefined {
  const { pid, link } = descriptor;
  const owner = ownerOf(descriptor);
  if (!owner || owner.id === 0) return undefined;
  const { type, id } = owner;
  const isOwn = type === ownerType.thread ? threadsOf(pid).includes(id) : id === pid;
  if (isOwn) return undefined;
  const who = type === ownerType.group ? 'process group' : 'pid';
  return `${link}, of which ${who} ${id} gets the signals (F_SETOWN)`;
}
