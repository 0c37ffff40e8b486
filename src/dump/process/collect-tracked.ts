import { isSystemError, TargetError } from '../../errors.js';
import type { VmaRecord } from '../../image/index.js';
import type { Fields } from '../../image/frame.js';
import type { Frozen } from '../../proc/freeze.js';
import { readSmaps, type SmapsEntry } from '../../proc/smaps.js';
import { encodeProcess } from '../../process/process-record.js';
import { collectProcess } from './collect-process.js';

/** A tracked process for the images, or why they do not have it. */
export interface TrackedProcess {
  process?: Fields;
  /** what it has that cannot be restored */
  refusal?: string;
}

/** Errors that leave the images of a process' memory as good as they are without the rest. */
const refusals = ['NOT_DUMPABLE', 'EXE_DELETED', 'NO_SYSCALL', 'REMOTE_CALL'];

/**
 * Everything but the memory of a process that is tracked, for the final round. Its mappings get their
 * flags; of those that are swapped, what they were before counts.
 * @param vmas of the round, as they are now
 */
export async function collectTracked(
  frozen: Frozen,
  vmas: readonly VmaRecord[],
): Promise<TrackedProcess> {
  const byStart = new Map(vmas.map((vma) => [vma.startPage, vma]));
  const mappings = (await readSmaps(frozen.pid)).map((entry) => {
    const vma = byStart.get(entry.startPage);
    if (vma) vma.flags = entry.flags;
    return vma?.state === 'tracked' && !vma.shared ? asBefore(entry, vma) : entry;
  });
  try {
    return { process: encodeProcess(collectProcess(frozen, mappings, { external: new Set() })) };
  } catch (error) {
    const isRefusal = error instanceof TargetError && refusals.includes(error.code);
    if (!(error instanceof Error) || !(isRefusal || isSystemError(error))) throw error;
    return { refusal: error.message };
  }
}

function asBefore(entry: SmapsEntry, { path, offset, dev, inode }: VmaRecord): SmapsEntry {
  const perms = `${entry.perms.slice(0, 3)}p`;
  return { ...entry, perms, isShared: false, isDeleted: false, path, offset, dev, inode };
}
