import { open } from 'node:fs/promises';
import { compareMemory, type ImageDirectory, type VmaRecord } from '../image/index.js';
import type { PageJob } from '../image/index.js';
import type { VerifyReport } from './reports.js';

/**
 * Compares the whole memory of a target that stands with what the images say, through
 * `/proc/PID/mem`: not the way by which it was dumped.
 */
export async function verifyMemory(
  pid: number,
  images: ImageDirectory,
  job: PageJob = {},
): Promise<VerifyReport> {
  const startMs = performance.now();
  await using memory = await open(`/proc/${pid}/mem`, 'r');
  await using pagemap = await open(`/proc/${pid}/pagemap`, 'r');
  const result = await compareMemory(images, {
    ...job,
    memFd: memory.fd,
    pagemapFd: pagemap.fd,
    openMappedFile: (vma) => open(mapFile(pid, vma), 'r'),
  });
  return {
    pages: result.nrPages,
    lostWrites: result.nrMismatches,
    lostAddresses: [...result.mismatches].map((page) => `0x${(page * 4096).toString(16)}`),
    unreadable: result.nrUnreadable,
    durationMs: performance.now() - startMs,
  };
}

/** Finds deleted and replaced files too. */
function mapFile(pid: number, { startPage, endPage }: VmaRecord): string {
  const range = `${(startPage * 4096).toString(16)}-${(endPage * 4096).toString(16)}`;
  return `/proc/${pid}/map_files/${range}`;
}
