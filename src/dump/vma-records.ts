import { stat } from 'node:fs/promises';
import { isFileBacked, type VmaRecord } from '../image/index.js';
import type { Layout } from '../kernel/layout.js';
import { type MapsEntry, readMaps } from '../proc/maps.js';

/** Size and time of a mapped file, where it can be looked at by its path. */
interface FileState {
  fileSize?: number;
  fileMtimeNs?: bigint;
}

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

/**
 * The mappings of a target as the images record them: the module's layout with the names of
 * `/proc/PID/maps`. A tracked mapping has the name that it had before, from `names`.
 * @param previous layout that tracked mappings' names, and what is known of mapped files, are taken
 *   from: looking at a file may wait for a server, and the target may be standing
 * @param options `hasFiles: false` does not look at mapped files at all
 * @throws TargetError `NO_SUCH_PROCESS`, `NOT_PERMITTED`
 */
export async function describeVmas(
  pid: number,
  layout: Layout,
  previous: readonly VmaRecord[],
  { hasFiles = true }: { hasFiles?: boolean } = {},
): Promise<VmaRecord[]> {
  const byStart = new Map((await readMaps(pid)).map((entry) => [entry.startPage, entry]));
  const names = new OldNames(previous);
  const files = knownFiles(previous);
  const vmas: VmaRecord[] = [];
  for (let i = 0; i < layout.length; i++) {
    const vma = describe(layout, i, byStart, names);
    if (hasFiles && isFileBacked(vma)) Object.assign(vma, await fileState(vma, files));
    vmas.push(vma);
  }
  return vmas;
}

function describe(
  layout: Layout,
  i: number,
  byStart: ReadonlyMap<number, MapsEntry>,
  names: OldNames,
): VmaRecord {
  const startPage = layout.startPage(i);
  const entry = byStart.get(startPage) ?? noFile;
  const kind = layout.kindName(i);
  const vma: VmaRecord = {
    startPage,
    endPage: layout.endPage(i),
    prot: layout.prot(i),
    shared: kind === 'anon-shared' || kind === 'file-shared',
    kind,
    state: layout.stateName(i),
    path: entry.path,
    offset: entry.offset,
    dev: entry.dev,
    inode: entry.inode,
  };
  if (vma.state !== 'tracked') return vma;
  return {
    ...vma,
    path: names.at(startPage),
    offset: 0,
    dev: '00:00',
    inode: 0,
    region: layout.region(i),
    regionPage: layout.regionPage(i),
  };
}

/** Names of anonymous mappings by address: `[heap]`, `[stack]`. */
class OldNames {
  readonly #named: readonly VmaRecord[];

  constructor(previous: readonly VmaRecord[]) {
    this.#named = previous.filter((vma) => vma.kind === 'anon-private' && vma.path !== '');
  }

  at(page: number): string {
    return this.#named.find((vma) => vma.startPage <= page && page < vma.endPage)?.path ?? '';
  }
}

function knownFiles(previous: readonly VmaRecord[]): Map<string, FileState> {
  const files = new Map<string, FileState>();
  for (const vma of previous) {
    const { fileSize, fileMtimeNs } = vma;
    if (fileSize !== undefined && fileMtimeNs !== undefined)
      files.set(fileKey(vma), { fileSize, fileMtimeNs });
  }
  return files;
}

function fileKey({ dev, inode, path }: VmaRecord): string {
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
