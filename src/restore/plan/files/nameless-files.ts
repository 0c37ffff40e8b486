import path from 'node:path';
import type { VmaRecord } from '../../../image/index.js';
import type { DeletedFile, MemoryFile } from '../../../process/file-record.js';
import { fcntl, open, SETTABLE_FLAGS } from '../constants.js';
import type { RestoreInput } from '../input.js';
import { segmentSlot } from '../plan-segments.js';
import { call, type Slot, type Step } from '../step.js';
import type { FilePlanner } from './file-planner.js';

const temporaryFile = 0o20200000;
const mfdAllowSealing = 2;
const seekSet = 0;
/** Bytes per call, of which several have to fit among the arguments. */
const chunkBytes = 256 << 10;

/** A new one with its content, or the one that is mapped already. */
export const memfd: FilePlanner<MemoryFile> = (record, { file, input }) => {
  const { name, size, offset, seals, inode, flags, content } = record;
  const about = `memfd ${name}`;
  const result = { result: file.slot };
  const kept = keptSlot(inode);
  const make = mappingOf(record, input)
    ? [call('fcntl', [kept, fcntl.duplicateFrom, 0], about, result), call('close', [kept], about)]
    : [call('memfd_create', [{ text: name }, mfdAllowSealing], about, result)];
  return {
    steps: [
      ...make,
      call('ftruncate', [file, size], about),
      ...writeSteps(content, file, about),
      seek(offset, file, about),
      call('fcntl', [file, fcntl.setFlags, flags & SETTABLE_FLAGS], about),
      ...(seals === 0 ? [] : [call('fcntl', [file, fcntl.addSeals, seals], about)]),
    ],
  };
};

/** Puts what is mapped and open too above all numbers that the process uses. */
export function keepMapped(input: RestoreInput, above: number): Step[] {
  return input.process.files.open.flatMap((file) => {
    const vma = file.kind === 'memfd' ? mappingOf(file, input) : undefined;
    if (file.kind !== 'memfd' || !vma) return [];
    const { slot } = keptSlot(file.inode);
    const args = [segmentSlot(vma), fcntl.duplicateFrom, above];
    return [call('fcntl', args, `memfd ${file.name}`, { result: slot })];
  });
}

function keptSlot(inode: number): Slot {
  return { slot: `memfd ${inode}` };
}

function mappingOf({ inode, name }: MemoryFile, { vmas }: RestoreInput): VmaRecord | undefined {
  const path = `/memfd:${name}`;
  return vmas.find((vma) => vma.kind === 'anon-shared' && vma.inode === inode && vma.path === path);
}

/** A new file without a name, where the old one had its own. */
export const deletedFile: FilePlanner<DeletedFile> = (record, { file }) => {
  const { flags, size, offset, mode, uid, gid, content } = record;
  const about = `deleted file ${record.path}`;
  const directory = { text: path.dirname(record.path) };
  const openFlags = (flags & open.accessMode) | temporaryFile;
  return {
    steps: [
      call('open', [directory, openFlags, 0o600], about, { result: file.slot }),
      call('ftruncate', [file, size], about),
      ...writeSteps(content, file, about),
      call('fchown', [file, uid, gid], about),
      call('fchmod', [file, mode], about),
      seek(offset, file, about),
      call('fcntl', [file, fcntl.setFlags, flags & SETTABLE_FLAGS], about),
    ],
  };
};

function seek(offset: number, file: Slot, about: string): Step {
  return call('lseek', [file, offset, seekSet], about, { expect: offset });
}

/** What is not zero: the file has its size already. */
function writeSteps(content: Uint8Array, file: Slot, about: string): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < content.byteLength; at += chunkBytes) {
    const bytes = content.subarray(at, at + chunkBytes);
    const { byteLength } = bytes;
    if (bytes.some((byte) => byte !== 0))
      steps.push(
        call('pwrite64', [file, { bytes }, byteLength, at], about, { expect: byteLength }),
      );
  }
  return steps;
}
