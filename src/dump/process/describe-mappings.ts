import { stat } from 'node:fs/promises';
import { isFileBacked, type VmaRecord } from '../../image/index.js';
import type { SmapsEntry } from '../../proc/smaps.js';
import { kindOf } from './vma-kind.js';

/** The mappings of a process that is not tracked, as the images record them: one for one. */
export async function describeMappings(
  pid: number,
  mappings: readonly SmapsEntry[],
): Promise<VmaRecord[]> {
  const files = new Map<string, Pick<VmaRecord, 'fileSize' | 'fileMtimeNs'>>();
  const vmas = mappings.map(describe);
  for (const vma of vmas) {
    if (!isFileBacked(vma)) continue;
    const key = `${vma.dev} ${vma.inode} ${vma.path}`;
    const known = files.get(key) ?? (await lookAt(pid, vma));
    files.set(key, known);
    Object.assign(vma, known);
  }
  return vmas;
}

function describe(entry: SmapsEntry): VmaRecord {
  const { startPage, endPage, perms, isShared, offset, dev, inode, path, flags } = entry;
  const prot = ['r', 'w', 'x'].reduce(
    (bits, letter, i) => bits | (perms[i] === letter ? 1 << i : 0),
    0,
  );
  return {
    startPage,
    endPage,
    prot,
    shared: isShared,
    kind: kindOf(entry),
    state: 'untracked',
    path,
    offset,
    dev,
    inode,
    flags,
  };
}

/** Through the mapping itself: the name may be another file's by now, which the restore finds. */
async function lookAt(pid: number, { startPage, endPage }: VmaRecord) {
  const range = [startPage, endPage].map((page) => (page * 4096).toString(16)).join('-');
  const { size, mtimeNs } = await stat(`/proc/${pid}/map_files/${range}`, { bigint: true });
  return { fileSize: Number(size), fileMtimeNs: mtimeNs };
}
