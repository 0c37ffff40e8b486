import { readFileSync } from 'node:fs';
import { TargetError } from '../../../errors.js';
import { native } from '../../../native.js';
import type { FileContext, FileHandler } from './file-handler.js';
import { nameOf, type OpenDescriptor } from './open-descriptor.js';
import { alike } from './tree-files.js';

/** Bytes of a file without a name that the images take in. */
export const MAX_NAMELESS_BYTES = 16 << 20;

const memfdPrefix = '/memfd:';
const accessMode = 3;
const getSeals = 1034;
/** F_SEAL_WRITE */
const sealWrite = 8;
const smallPage = 4096;
const kcmpFile = 0;
const noBytes = new Uint8Array(0);

/** Descriptors by memfd_create: with their content, or mapped, which has it among the memory. */
export const memfds: FileHandler = {
  matches: ({ stat, isDeleted, link }) =>
    stat.isFile() && isDeleted && link.startsWith(memfdPrefix),
  refusal: (descriptor, context) => {
    const { link, stat } = descriptor;
    if (stat.blksize > smallPage) return `${link} of huge pages`;
    return (
      commonRefusal(descriptor, context) ??
      (isMapped(descriptor) ? undefined : tooLarge(descriptor))
    );
  },
  collect: (descriptor, { ask }) => {
    const { link, offset, stat, fd } = descriptor;
    const seals = ask?.(['fcntl', fd, getSeals, 0]) ?? 0;
    const mapped = isMapped(descriptor);
    if (mapped && (seals & sealWrite) !== 0) throw sealedMapping(descriptor);
    const content = mapped ? noBytes : contentOf(descriptor);
    const name = link.slice(memfdPrefix.length);
    return { kind: 'memfd', name, inode: stat.ino, size: stat.size, offset, seals, content };
  },
};

/** Regular files that have lost their last name, with their content. */
export const deletedFiles: FileHandler = {
  matches: ({ stat, isDeleted, link }) => stat.isFile() && isDeleted && link.startsWith('/'),
  refusal: (descriptor, context) => {
    const { link, stat, flags } = descriptor;
    if (stat.nlink > 0) return `deleted file ${link}, which has another name`;
    if ((flags & accessMode) === 0) return `deleted file ${link}, open for reading alone`;
    return commonRefusal(descriptor, context) ?? tooLarge(descriptor);
  },
  collect: (descriptor) => {
    const { link, offset, stat } = descriptor;
    const { uid, gid, size } = stat;
    const content = contentOf(descriptor);
    return {
      kind: 'deleted',
      path: link,
      offset,
      size,
      mode: stat.mode & 0o7777,
      uid,
      gid,
      content,
    };
  },
};

function commonRefusal(descriptor: OpenDescriptor, context: FileContext): string | undefined {
  const { link, stat, pid, fd } = descriptor;
  const others = otherMembers(descriptor, context);
  if (others.length > 0) return `deleted file ${link}, which pid ${others.join(', ')} has too`;
  const again = context.descriptors.find(
    (other) =>
      other.stat.ino === stat.ino &&
      other.stat.dev === stat.dev &&
      native.kcmp(pid, pid, kcmpFile, fd, other.fd) !== 0,
  );
  return again && `deleted file ${link}, which is open as fd ${again.fd} by itself`;
}

/** Members of its tree that have the same file open, or mapped. */
function otherMembers(descriptor: OpenDescriptor, context: FileContext): number[] {
  const { stat, pid } = descriptor;
  const isSame = (other: OpenDescriptor) =>
    other.stat.ino === stat.ino && other.stat.dev === stat.dev;
  const open = new Set(
    alike(descriptor, context)
      .filter(isSame)
      .map((other) => other.pid),
  );
  return [...(context.tree?.pids ?? [])].filter(
    (other) => other !== pid && (open.has(other) || isMapped({ ...descriptor, pid: other })),
  );
}

function tooLarge({ link, stat }: OpenDescriptor): string | undefined {
  if (stat.size <= MAX_NAMELESS_BYTES) return undefined;
  return `deleted file ${link} of ${stat.size} bytes, of which images hold ${MAX_NAMELESS_BYTES} at most`;
}

/** `/proc/PID/maps` has the inode in front of the name. */
function isMapped({ pid, stat, link }: OpenDescriptor): boolean {
  const suffix = `${link} (deleted)`;
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .some((line) => line.endsWith(suffix) && line.split(/\s+/)[4] === String(stat.ino));
}

function contentOf({ pid, fd }: OpenDescriptor): Uint8Array {
  return new Uint8Array(readFileSync(`/proc/${pid}/fd/${fd}`));
}

/** A mapping that was made before the restored seal would forbid it. */
function sealedMapping(descriptor: OpenDescriptor): TargetError {
  const { pid, link } = descriptor;
  const reason = `${nameOf(descriptor)}: ${link}, which is mapped and sealed against writing`;
  return new TargetError(
    'NOT_DUMPABLE',
    `cannot dump pid ${pid}, which runs on: it has what cannot be restored yet: ${reason}`,
    { facts: { pid, reasons: reason } },
  );
}
