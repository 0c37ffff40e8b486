import { stat } from 'node:fs/promises';
import { isFileBacked, type VmaKind, type VmaRecord } from '../image/index.js';
import { PAGE_SIZE } from '../image/page.js';
import { aioRing, PROT_WRITE, vmaAt } from '../image/vma-record.js';
import type { Layout } from '../kernel/layout.js';
import { type MapsEntry, readMaps } from '../proc/maps.js';

/** Size and time of a mapped file, where it can be looked at by its path. */
interface FileState {
  fileSize?: number;
  fileMtimeNs?: bigint;
}

/** What the memory of a tracked process, and what its children inherit of it, is called. */
export const pseudoFile = '/tracker';

const noFile: MapsEntry = {
  startPage: 0,
  endPage: 0,
  perms: '',
  isShared: false,
  offset: 0,
  dev: '00:00',
  inode: 0,
  path: '',
  isDeleted: false,
};

/** Where names come from that `/proc/PID/maps` does not have any more. */
export interface NameSources {
  /** the layout right before the last swap: names of what it has swapped */
  swapped?: readonly VmaRecord[];
  /**
   * older layouts of the same session, the newest first: names of what was swapped before, and what
   * is known of mapped files: looking at a file may wait for a server, and the target may be standing
   */
  previous?: readonly VmaRecord[];
  /** false: does not look at mapped files at all */
  hasFiles?: boolean;
}

/**
 * The mappings of a target as the images record them: the module's layout with the names of
 * `/proc/PID/maps`. A private mapping that is tracked has the name that it had before. The n-th
 * record is of the layout's n-th mapping.
 * @throws TargetError `NO_SUCH_PROCESS`, `NOT_PERMITTED`
 */
export async function describeVmas(
  pid: number,
  layout: Layout,
  { swapped = [], previous = [], hasFiles = true }: NameSources = {},
): Promise<VmaRecord[]> {
  const byStart = new Map((await readMaps(pid)).map((entry) => [entry.startPage, entry]));
  const names = new OldNames(swapped, previous);
  const files = knownFiles(previous);
  const vmas: VmaRecord[] = [];
  for (let i = 0; i < layout.length; i++) {
    const vma = describe(layout, i, byStart.get(layout.startPage(i)) ?? noFile, names);
    if (hasFiles && isFileBacked(vma)) Object.assign(vma, await fileState(vma, files));
    vmas.push(vma);
  }
  return vmas;
}

/**
 * What a forked child has of a tracked parent's memory is a mapping of the parent's pseudo-file: what
 * it was called, the child's own `/proc/PID/maps` does not say.
 */
function nameOf(entry: MapsEntry, state: string): MapsEntry {
  const isHeir = state === 'swappable' && entry.path === pseudoFile && entry.isDeleted;
  return isHeir ? noFile : entry;
}

function describe(layout: Layout, i: number, entry: MapsEntry, names: OldNames): VmaRecord {
  const { path, offset, dev, inode } = nameOf(entry, layout.stateName(i));
  // A file that no file system keeps, and nobody can open.
  const kind = path === aioRing ? 'anon-shared' : layout.kindName(i);
  const vma: VmaRecord = {
    startPage: layout.startPage(i),
    endPage: layout.endPage(i),
    prot: layout.prot(i),
    shared: kind === 'anon-shared' || kind === 'file-shared',
    kind,
    state: layout.stateName(i),
    path,
    offset,
    dev,
    inode,
  };
  if (vma.state !== 'tracked') return vma;
  const tracked = { ...vma, region: layout.region(i), regionPage: layout.regionPage(i) };
  // Shared mappings stay where they are, and keep their names.
  return vma.shared ? tracked : { ...tracked, ...names.of(tracked) };
}

/** What a mapping shows, as `/proc/PID/maps` says it. */
type Name = Pick<VmaRecord, 'path' | 'offset' | 'dev' | 'inode'>;

/** Names of private mappings from before they were swapped. */
export class OldNames {
  readonly #swapped: readonly VmaRecord[];
  readonly #byRegion = new Map<number, VmaRecord>();

  /** Both as in {@link NameSources}. */
  constructor(swapped: readonly VmaRecord[], previous: readonly VmaRecord[]) {
    this.#swapped = swapped;
    for (const vma of previous) {
      const { region } = vma;
      if (region !== undefined && !this.#byRegion.has(region)) this.#byRegion.set(region, vma);
    }
  }

  /**
   * The name that a tracked mapping had. Its region is a stretch of one file, wherever the target
   * has moved which part of it.
   */
  of({ region = 0, regionPage = 0, startPage, kind }: VmaRecord): Name {
    const old = this.#byRegion.get(region);
    if (old) return nameAt(old, regionPage - (old.regionPage ?? 0), kind);
    const before = vmaAt(this.#swapped, startPage);
    return before ? nameAt(before, startPage - before.startPage, kind) : noName;
  }
}

const noName: Name = { path: '', offset: 0, dev: '00:00', inode: 0 };

function nameAt({ path, offset, dev, inode }: VmaRecord, shift: number, kind: VmaKind): Name {
  if (kind !== 'file-private') return { ...noName, path };
  return { path, offset: offset + shift * PAGE_SIZE, dev, inode };
}

/** Of files that the target does not write to: what was known of others is not true any more. */
function knownFiles(previous: readonly VmaRecord[]): Map<string, FileState> {
  const files = new Map<string, FileState>();
  const written = new Set<string>();
  for (const vma of previous) {
    const { fileSize, fileMtimeNs } = vma;
    const key = fileKey(vma);
    if (isWritten(vma)) written.add(key);
    else if (fileSize !== undefined && fileMtimeNs !== undefined && !files.has(key))
      files.set(key, { fileSize, fileMtimeNs });
  }
  for (const key of written) files.delete(key);
  return files;
}

function isWritten({ kind, prot }: VmaRecord): boolean {
  return kind === 'file-shared' && (prot & PROT_WRITE) !== 0;
}

/** Tells one mapped file from another. */
export function fileKey({ dev, inode, path }: VmaRecord): string {
  return `${dev} ${inode} ${path}`;
}

async function fileState(vma: VmaRecord, files: Map<string, FileState>): Promise<FileState> {
  const key = fileKey(vma);
  const known = files.get(key);
  if (known) return known;
  const state = await lookAt(vma);
  files.set(key, state);
  return state;
}

/** Nothing where the name is another file's by now, or of another mount namespace. */
async function lookAt({ path, inode }: VmaRecord): Promise<FileState> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return Number(ino) === inode ? { fileSize: Number(size), fileMtimeNs: mtimeNs } : {};
  } catch {
    return {};
  }
}
