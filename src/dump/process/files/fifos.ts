import { native } from '../../../native.js';
import type { FileContext, FileHandler } from './file-handler.js';
import type { OpenDescriptor } from './open-descriptor.js';
import { otherName } from './path-files.js';
import { alike } from './tree-files.js';

const pathOnly = 0o10000000;
const packetMode = 0o40000;
const noBytes = new Uint8Array(0);

/** Named pipes that nobody outside has open, with what is in them. */
export const fifos: FileHandler = {
  matches: ({ stat, link }) => stat.isFIFO() && link.startsWith('/'),
  isSharable: true,
  refusal: (descriptor, { holders }) => {
    const { link, pid, flags, isDeleted } = descriptor;
    if (isDeleted) return `deleted FIFO ${link}`;
    if ((flags & packetMode) !== 0) return `FIFO ${link} in packet mode`;
    const others = isPathOnly(descriptor) ? [] : holders.outside(link, pid);
    if (others.length > 0) return `FIFO ${link}, which pid ${others.join(', ')} has too`;
    return otherName(descriptor);
  },
  collect: (descriptor, context) => {
    const { link, stat, pid, fd } = descriptor;
    const held = contentOf(descriptor, context);
    const isHungUp = !isPathOnly(descriptor) && native.hasHungUp(pid, fd);
    return { kind: 'fifo', path: link, inode: stat.ino, isHungUp, ...held };
  },
};

/** The first descriptor of a FIFO knows the content. */
function contentOf(descriptor: OpenDescriptor, context: FileContext) {
  const { pid, fd } = descriptor;
  const first = alike(descriptor, context).find((other) => !isPathOnly(other));
  if (isPathOnly(descriptor) || first?.fd !== fd || first.pid !== pid)
    return { capacity: 0, content: noBytes };
  return native.pipeContent(`/proc/${pid}/fd/${fd}`);
}

function isPathOnly({ flags }: OpenDescriptor): boolean {
  return (flags & pathOnly) !== 0;
}
