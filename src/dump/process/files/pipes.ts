import { native } from '../../../native.js';
import type { FileHandler } from './file-handler.js';
import type { OpenDescriptor } from './open-descriptor.js';
import { alike } from './tree-files.js';

const accessMode = 3;
const readWrite = 2;
/** Packets keep their borders, which a copy of the bytes does not have. */
const packetMode = 0o40000;

/** Pipes of which nobody outside has an end; one of the two may be closed. */
export const pipes: FileHandler = {
  matches: ({ stat, link }) => stat.isFIFO() && link.startsWith('pipe:'),
  isSharable: true,
  refusal: (descriptor, context) => {
    const { link, pid, flags } = descriptor;
    if ((flags & packetMode) !== 0) return `${link} in packet mode`;
    const others = context.holders.outside(link, pid);
    if (others.length > 0) return `${link}, which pid ${others.join(', ')} has too`;
    const modes = new Set(alike(descriptor, context).map((end) => end.flags & accessMode));
    return modes.has(readWrite) ? `${link}, opened for both reading and writing` : undefined;
  },
  collect: (descriptor, context) => {
    const { stat } = descriptor;
    const pipe = stat.ino;
    const ends = alike(descriptor, context);
    const isReader = (end: OpenDescriptor) => (end.flags & accessMode) === 0;
    // The first writing end knows the content, the first reading one where there is no other.
    const keeper = ends.find((end) => !isReader(end)) ?? ends[0];
    if (keeper && !isSame(keeper, descriptor))
      return { kind: 'pipe', pipe, capacity: 0, content: noBytes };
    const reader = ends.find(isReader) ?? descriptor;
    return { kind: 'pipe', pipe, ...native.pipeContent(`/proc/${reader.pid}/fd/${reader.fd}`) };
  },
};

const noBytes = new Uint8Array(0);

function isSame(one: OpenDescriptor, other: OpenDescriptor): boolean {
  return one.pid === other.pid && one.fd === other.fd;
}
