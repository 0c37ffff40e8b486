import { readFileSync } from 'node:fs';
import { TargetError } from '../errors.js';
import type { VmaRecord } from '../image/index.js';
import { PROT_WRITE } from '../image/vma-record.js';
import type { Layout } from '../kernel/layout.js';
import { describeVmas, pseudoFile } from './vma-records.js';

/**
 * Refuses a target with memory that can be neither tracked nor dumped, before anything is touched.
 * @returns its mappings
 * @throws TargetError `UNTRACKABLE_MEMORY` naming the mapping, `NOTHING_TRACKABLE`,
 *   `STRICT_OVERCOMMIT`
 */
export async function checkUntrackable(pid: number, layout: Layout): Promise<VmaRecord[]> {
  checkOvercommit(pid);
  const vmas = await describeVmas(pid, layout);
  for (const vma of vmas) checkVma(pid, vma);
  if (vmas.some(({ state }) => state === 'swappable')) return vmas;
  throw new TargetError(
    'NOTHING_TRACKABLE',
    `cannot track pid ${pid}: none of its writable memory can be tracked (see tracker show and ` +
      'docs/support-matrix.md for kinds and flags); the target was not touched',
    { facts: { pid } },
  );
}

function checkVma(pid: number, vma: VmaRecord): void {
  const isInherited = vma.path === pseudoFile && (vma.kind === 'special' || vma.state === 'kind');
  const isDevice = vma.kind === 'special' && (vma.prot & PROT_WRITE) !== 0;
  if (!isInherited && !isDevice) return;
  const address = `0x${(vma.startPage * 4096).toString(16)}`;
  const size = (vma.endPage - vma.startPage) * 4096;
  const what = isInherited
    ? 'it depends on a parent, which was tracked when it was forked, and cannot be taken over; ' +
      'stop tracking the parent and let the child be forked anew'
    : 'it is memory of a device, or secret: nobody but the process itself can read it';
  throw new TargetError(
    'UNTRACKABLE_MEMORY',
    `cannot track pid ${pid}: its mapping at ${address} (${vma.path || 'no name'}, ${size} bytes): ` +
      `${what}; the target was not touched`,
    { facts: { pid, address, size, path: vma.path } },
  );
}

/**
 * Pages of the pseudo-file are accounted one by one. Where the kernel does not overcommit, one can
 * fail at a write for which private memory had its room reserved.
 */
function checkOvercommit(pid: number): void {
  if (readFileSync('/proc/sys/vm/overcommit_memory', 'utf8').trim() !== '2') return;
  throw new TargetError(
    'STRICT_OVERCOMMIT',
    `cannot track pid ${pid}: with vm.overcommit_memory=2 its memory could run out while it is ` +
      'tracked; set it to 0 or 1 (sysctl vm.overcommit_memory=0)',
    { facts: { pid } },
  );
}
