import { native } from '../../../native.js';
import { holdersOf } from './holders.js';
import type { FileContext, FileHandler } from './file-handler.js';
import type { OpenDescriptor } from './open-descriptor.js';

const accessMode = 3;
/** Packets keep their borders, which a copy of the bytes does not have. */
const packetMode = 0o40000;

/** Pipes of which the process has both ends, and nobody else any. */
export const pipes: FileHandler = {
  matches: ({ stat, link }) => stat.isFIFO() && link.startsWith('pipe:'),
  refusal: (descriptor, context) => {
    const { link, pid, flags } = descriptor;
    if ((flags & packetMode) !== 0) return `${link} in packet mode`;
    const others = holdersOf(link, pid);
    if (others.length > 0) return `${link}, which pid ${others.join(', ')} has too`;
    const modes = new Set(endsOf(descriptor, context).map((end) => end.flags & accessMode));
    if (modes.has(0) && modes.has(1) && modes.size === 2) return undefined;
    return `${link}, of which it has no reading or no writing end`;
  },
  collect: (descriptor, context) => {
    const { stat, flags, pid } = descriptor;
    const pipe = stat.ino;
    if ((flags & accessMode) === 0) return { kind: 'pipe', pipe, capacity: 0, content: noBytes };
    // The writing end knows the content: it is made first, by whichever end comes first.
    const [reader = descriptor] = endsOf(descriptor, context).filter(
      (end) => (end.flags & accessMode) === 0,
    );
    return { kind: 'pipe', pipe, ...native.pipeContent(`/proc/${pid}/fd/${reader.fd}`) };
  },
};

const noBytes = new Uint8Array(0);

function endsOf({ link }: OpenDescriptor, { descriptors }: FileContext): OpenDescriptor[] {
  return descriptors.filter((other) => other.link === link);
}
