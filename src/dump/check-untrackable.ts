import { TargetError } from '../errors.js';
import type { VmaRecord } from '../image/index.js';
import { PROT_WRITE } from '../image/vma-record.js';
import type { Layout } from '../kernel/layout.js';
import { describeVmas } from './vma-records.js';

/**
 * Refuses a target with memory that can be neither tracked nor dumped, before anything is touched.
 * @returns its mappings
 * @throws TargetError `UNTRACKABLE_MEMORY` naming the mapping
 */
export async function checkUntrackable(pid: number, layout: Layout): Promise<VmaRecord[]> {
  const vmas = await describeVmas(pid, layout, []);
  const bad = vmas.find((vma) => vma.kind === 'special' && (vma.prot & PROT_WRITE) !== 0);
  if (!bad) return vmas;
  const address = `0x${(bad.startPage * 4096).toString(16)}`;
  const size = (bad.endPage - bad.startPage) * 4096;
  throw new TargetError(
    'UNTRACKABLE_MEMORY',
    `cannot track pid ${pid}: its mapping at ${address} (${bad.path || 'no name'}, ${size} bytes) ` +
      'is device or huge-page memory, which this version cannot dump; the target was not touched',
    { facts: { pid, address, size, path: bad.path } },
  );
}
