import { readFileSync } from 'node:fs';
import { TargetError } from '../../../errors.js';
import { native } from '../../../native.js';
import { kcmpTypes } from '../../../proc/kernel-order.js';
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
const noBytes = new Uint8Array(0);

/** Descriptors by memfd_create: with their content, or mapped, which has it among the memory. */
export const memfds: FileHandler = {
  matches: ({ stat, isDeleted, link }) =>
    stat.isFile() && isDeleted && link.startsWith(memfdPrefix),
  isSharable: true,
  refusal: (descriptor, context) => {
    const { link, stat } = descriptor;
    if (stat.blksize > smallPage) return `${link} of huge pages`;
    return (
      commonRefusal(descriptor, context) ??
      (isMapped(descriptor, context) ? undefined : tooLarge(descriptor))
    );
  },
  collect: (descriptor, context) => {
    const { link, offset, stat, fd } = descriptor;
    const seals = context.ask?.(['fcntl', fd, getSeals, 0]) ?? 0;
    const mapped = isMapped(descriptor, context);
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

/** Open by two open files, in the process or in its tree, which would be two files afterwards. */
function commonRefusal(descriptor: OpenDescriptor, context: FileContext): string | undefined {
  const { link, stat, pid } = descriptor;
  const again = alike(descriptor, context).find(
    (other) =>
      other.stat.ino === stat.ino &&
      other.stat.dev === stat.dev &&
      !isOneFile(descriptor, other, context),
  );
  if (!again) return undefined;
  const name = again.pid === pid ? `fd ${again.fd}` : nameOf(again);
  return `deleted file ${link}, which is open as ${name} by itself`;
}

function isOneFile(one: OpenDescriptor, other: OpenDescriptor, { tree }: FileContext): boolean {
  if (tree) return tree.isOneFile(one, other);
  return native.kcmp(one.pid, other.pid, kcmpTypes.file, one.fd, other.fd) === 0;
}

function tooLarge({ link, stat }: OpenDescriptor): string | undefined {
  if (stat.size <= MAX_NAMELESS_BYTES) return undefined;
  return `deleted file ${link} of ${stat.size} bytes, of which images hold ${MAX_NAMELESS_BYTES} at most`;
}

/** `/proc/PID/maps` has the inode in front of the name. */
function isMapped(descriptor: OpenDescriptor, { tree }: FileContext): boolean {
  if (tree) return tree.hasMapped(descriptor);
  const { pid, stat, link } = descriptor;
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
