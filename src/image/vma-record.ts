import type { FieldReader } from './field-reader.js';
import type { Fields } from './frame.js';

/** What a mapping is, or was before the swap. */
export type VmaKind = 'anon-private' | 'file-private' | 'anon-shared' | 'file-shared' | 'special';

/** `VmaRecord.prot` bits. */
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;

/** One mapping of a round's layout. Fields that this version does not know are kept. */
export interface VmaRecord {
  startPage: number;
  /** page after the last one */
  endPage: number;
  /** PROT_* bits */
  prot: number;
  shared: boolean;
  kind: VmaKind;
  /** `tracked`, or why it is not: `readonly`, `stack`, `mostly-unwritten`, ... */
  state: string;
  /** file or name, e.g. `[heap]`; '' if none */
  path: string;
  /** bytes into the file */
  offset: number;
  /** `08:01` */
  dev: string;
  inode: number;
  /** tracked: the session's region behind it and the region's page at `startPage` */
  region?: number;
  regionPage?: number;
  /** shared memory: the segment that has the content, from `offset` on */
  segment?: number;
  /** of the mapped file when it was dumped, where known */
  fileSize?: number;
  fileMtimeNs?: bigint;
  /** the kernel's flags as in `VmFlags` of `/proc/PID/smaps`, where they were looked at: `rd wr gd` */
  flags?: string;
}

/** Checks the types of a record's fields, and keeps those that are not known. */
export function readVma(vma: Fields, reader: FieldReader): VmaRecord {
  const fields = reader.inner(vma);
  for (const field of ['startPage', 'endPage', 'prot', 'offset', 'inode']) fields.count(field);
  for (const field of ['kind', 'state', 'path', 'dev']) fields.string(field);
  fields.boolean('shared');
  if (vma['segment'] !== undefined) fields.count('segment');
  if (vma['flags'] !== undefined) fields.string('flags');
  return vma as unknown as VmaRecord;
}

/** True if pages that no round has stored are those of the file at `path`. */
export function isFileBacked(vma: VmaRecord): boolean {
  return vma.kind === 'file-private' || vma.kind === 'file-shared';
}

/** `path` of memory that a process and the kernel share for asynchronous I/O. */
export const aioRing = '/[aio]';

/**
 * True for shared memory whose file can be read, and asked for holes. Others may have pages there
 * that the target has not touched. Huge pages, AIO rings and what userfaultfd watches are none.
 */
export function isSegment({ kind, state, path }: VmaRecord): boolean {
  const isUnreadable = state === 'hugetlb' || state === 'special-flags' || path === aioRing;
  return kind === 'anon-shared' && !isUnreadable;
}

/** True for a SysV segment, whose inode number is its id: other memory may have the same. */
export function isSysV({ path }: Pick<VmaRecord, 'path'>): boolean {
  return path.startsWith('/SYSV');
}

/** Tells shared memory from other such, of one IPC namespace, as `isSysV` says. */
export function segmentKey({
  dev,
  inode,
  path,
}: Pick<VmaRecord, 'dev' | 'inode' | 'path'>): string {
  return `${dev} ${inode}${isSysV({ path }) ? ' SysV' : ''}`;
}

/** Index of the first of a layout's VMAs that ends after `page`; their number if none does. */
export function indexOfVma(vmas: readonly VmaRecord[], page: number): number {
  let low = 0;
  let high = vmas.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((vmas[middle]?.endPage ?? 0) > page) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The VMA of a layout that holds `page`, or nothing. */
export function vmaAt(vmas: readonly VmaRecord[], page: number): VmaRecord | undefined {
  const vma = vmas[indexOfVma(vmas, page)];
  return vma && vma.startPage <= page ? vma : undefined;
}
