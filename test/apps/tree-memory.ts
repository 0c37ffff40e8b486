import { closeSync, openSync, readFileSync, readSync, statfsSync, statSync } from 'node:fs';
import { segmentKey } from '../../src/image/vma-record.js';
import { withDescendants } from '../../src/proc/family.js';
import { type MapsEntry, parseMaps } from '../../src/proc/maps.js';
import { waitFor } from '../support/wait-for.js';

const pageBytes = 4096;
const tmpfsMagic = 0x01021994;
const zeros = Buffer.alloc(pageBytes);
const quietBoundMs = 120_000;

/** The memory of a process and its descendants, in KiB; what several have counts once. */
export interface TreeMemory {
  nrProcesses: number;
  pss: number;
  /** of which: private memory that is no file's, files, shared memory */
  anon: number;
  file: number;
  shmem: number;
  rss: number;
}

/** Reads `smaps_rollup` of all of them, one after the other while they run. */
export function treeMemory(pid: number): TreeMemory {
  const sum = { nrProcesses: 0, pss: 0, anon: 0, file: 0, shmem: 0, rss: 0 };
  for (const member of withDescendants([pid])) {
    const text = unlessGone(() => readFileSync(`/proc/${member}/smaps_rollup`, 'utf8'));
    if (text === undefined) continue;
    const kib = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1]);
    sum.nrProcesses++;
    sum.pss += kib('Pss');
    sum.anon += kib('Pss_Anon');
    sum.file += kib('Pss_File');
    sum.shmem += kib('Pss_Shmem');
    sum.rss += kib('Rss');
  }
  return sum;
}

/** Processor time that a tree has used, in clock ticks. */
export function cpuTicks(pid: number): number {
  return withDescendants([pid]).reduce((sum, member) => {
    const stat = unlessGone(() => readFileSync(`/proc/${member}/stat`, 'utf8')) ?? '';
    // The fields 14 and 15 of proc(5), counted from the one behind the name.
    const [user = 0, system = 0] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    return sum + user + system;
  }, 0);
}

/** Waits until the processes of a tree have nothing to do: their memory stays as it is. */
export async function quietTree(pid: number): Promise<TreeMemory> {
  let last = treeMemory(pid);
  await waitFor(
    'a tree that is quiet',
    () => {
      const now = treeMemory(pid);
      const isSame = now.pss === last.pss && now.rss === last.rss;
      last = now;
      return isSame;
    },
    quietBoundMs,
  );
  return last;
}

/** Pages that exist, each once whoever has it. */
export interface Pages {
  /** with content */
  filled: number;
  zeros: number;
}

/** What a tree that is not tracked has: by page frame, and by page of its shared segments. */
export interface TreePages {
  private: Pages;
  segments: Pages;
}

/** Looks at every page of a tree, which has to be quiet. */
export function treePages(pid: number): TreePages {
  const pages = { private: { filled: 0, zeros: 0 }, segments: { filled: 0, zeros: 0 } };
  const frames = new Set<bigint>();
  const segments = new Set<string>();
  for (const member of withDescendants([pid])) {
    const memory = openSync(`/proc/${member}/mem`, 'r');
    const pagemap = openSync(`/proc/${member}/pagemap`, 'r');
    for (const entry of parseMaps(readFileSync(`/proc/${member}/maps`, 'utf8'))) {
      if (!entry.isShared) countFrames(entry, { memory, pagemap, frames }, pages.private);
      else countSegment(member, entry, segments, pages.segments);
    }
    closeSync(memory);
    closeSync(pagemap);
  }
  return pages;
}

/** Where the pages of a process are read, and which frames have been seen. */
interface FrameSource {
  memory: number;
  pagemap: number;
  frames: Set<bigint>;
}

/** Bits of `/proc/PID/pagemap`: in memory; a file's, or shared memory; the frame. */
const present = 1n << 63n;
const isFilePage = 1n << 61n;
const frameMask = (1n << 55n) - 1n;

function countFrames(entry: MapsEntry, { memory, pagemap, frames }: FrameSource, pages: Pages) {
  const { startPage, endPage } = entry;
  if (startPage > 2 ** 40) return;
  const entries = new BigUint64Array(endPage - startPage);
  readSync(pagemap, entries, { position: startPage * 8 });
  const page = Buffer.alloc(pageBytes);
  entries.forEach((bits, i) => {
    const frame = bits & frameMask;
    if ((bits & present) === 0n || (bits & isFilePage) !== 0n || frames.has(frame)) return;
    frames.add(frame);
    readSync(memory, page, { position: (startPage + i) * pageBytes });
    count(page, pages);
  });
}

function countSegment(pid: number, entry: MapsEntry, seen: Set<string>, pages: Pages): void {
  const key = segmentKey(entry);
  const range = [entry.startPage, entry.endPage].map((page) => (page * pageBytes).toString(16));
  const file = `/proc/${pid}/map_files/${range.join('-')}`;
  if (seen.has(key) || statfsSync(file).type !== tmpfsMagic) return;
  seen.add(key);
  const content = readFileSync(file);
  const found = { filled: 0, zeros: 0 };
  for (let at = 0; at < content.length; at += pageBytes)
    count(content.subarray(at, at + pageBytes), found);
  pages.filled += found.filled;
  // Holes read as zeros, too.
  pages.zeros += Math.max(0, statSync(file).blocks / 8 - found.filled);
}

function count(page: Buffer, pages: Pages): void {
  if (zeros.subarray(0, page.length).equals(page)) pages.zeros++;
  else pages.filled++;
}

/** A process of a tree may end while it is looked at. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
