import { native } from '../../../native.js';
import { readStat } from '../../../proc/stat.js';
import type { FileContext, FileHandler } from './file-handler.js';
import { holdersOf, sharersOf } from './holders.js';
import type { OpenDescriptor } from './open-descriptor.js';

const ptmx = 0x502;
const slaveMajors = { first: 136, last: 143 } as const;
/** How a pty's index is told by the number of its slave. */
const minorsPerMajor = 256;

/** Masters of pseudo-terminals that nobody else has. */
export const ptyMasters: FileHandler = {
  matches: isMaster,
  refusal: (descriptor, context) => {
    const { index, discipline, waiting } = stateOf(descriptor);
    const name = `master of /dev/pts/${index}`;
    if (descriptor.link !== '/dev/ptmx' && descriptor.link !== '/dev/pts/ptmx')
      return `${name} by ${descriptor.link}`;
    const others = sharersOf(descriptor);
    if (others.length > 0) return `${name}, which pid ${others.join(', ')} has too`;
    if (discipline !== 0) return `${name} with line discipline ${discipline}`;
    if (waiting > 0) return `${name} with ${waiting} bytes that it has not read`;
    const openers = holdersOf(`/dev/pts/${index}`, descriptor.pid);
    if (openers.length > 0) return `${name}, of which pid ${openers.join(', ')} has the slave`;
    const reason = refusedSession(index, context);
    return reason && `${name}, ${reason}`;
  },
  collect: (descriptor) => {
    const { index, settings, windowSize, isLocked, isPacketMode, isExclusive } =
      stateOf(descriptor);
    const isHungUp = native.hasHungUp(descriptor.pid, descriptor.fd);
    const flags = { isHungUp, isLocked, isPacketMode, isExclusive };
    return { kind: 'pty-master', index, settings, windowSize, ...flags };
  },
};

/** Slaves of pseudo-terminals of which the process itself has the master. */
export const ptySlaves: FileHandler = {
  matches: (descriptor, context) => {
    const index = slaveIndexOf(descriptor.stat.rdev);
    return descriptor.stat.isCharacterDevice() && index !== undefined && hasMaster(index, context);
  },
  refusal: (descriptor) => {
    const { link, isDeleted } = descriptor;
    const index = slaveIndexOf(descriptor.stat.rdev) ?? -1;
    if (isDeleted || link !== `/dev/pts/${index}`) return `pseudo-terminal ${link} without a name`;
    const { waiting } = stateOf(descriptor);
    return waiting === 0
      ? undefined
      : `terminal ${link} with ${waiting} bytes that it has not read`;
  },
  collect: ({ stat }) => ({ kind: 'pty-slave', index: slaveIndexOf(stat.rdev) ?? 0 }),
};

/** The index of the process' own pty that is its controlling terminal. */
export function ownTerminalOf(pid: number, context: FileContext): number | undefined {
  const index = slaveIndexOf(readStat(pid).terminal);
  return index !== undefined && hasMaster(index, context) ? index : undefined;
}

/** Whether a device is a terminal of any kind, but no master of one. */
export function isTerminal({ stat }: OpenDescriptor): boolean {
  const major = (stat.rdev >> 8) & 0xfff;
  const isSlave = major >= slaveMajors.first && major <= slaveMajors.last;
  return (
    stat.isCharacterDevice() && (major === 4 || (major === 5 && stat.rdev !== ptmx) || isSlave)
  );
}

function isMaster({ stat }: OpenDescriptor): boolean {
  return stat.isCharacterDevice() && stat.rdev === ptmx;
}

/** A controlling terminal belongs to a session, which has to be the process' own. */
function refusedSession(index: number, { descriptors }: FileContext): string | undefined {
  const [{ pid } = { pid: 0 }] = descriptors;
  const { terminal, session } = readStat(pid);
  if (slaveIndexOf(terminal) !== index || session === pid) return undefined;
  return `the controlling terminal of session ${session}, which is another one's`;
}

function hasMaster(index: number, { descriptors }: FileContext): boolean {
  return descriptors.some((other) => isMaster(other) && stateOf(other).index === index);
}

function slaveIndexOf(device: number): number | undefined {
  const major = (device >> 8) & 0xfff;
  if (major < slaveMajors.first || major > slaveMajors.last) return undefined;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  return (major - slaveMajors.first) * minorsPerMajor + minor;
}

function stateOf({ pid, fd }: OpenDescriptor) {
  return native.terminalState(pid, fd);
}
