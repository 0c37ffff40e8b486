import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { PAGE_SIZE } from '../image/page.js';
import { parseMaps } from '../proc/maps.js';
import type { AddressRange } from './plan/address-space.js';

/** Bytes of this process' memory. */
export function readOwnMemory({ address, length }: { address: number; length: number }): Buffer {
  const bytes = Buffer.alloc(length);
  const fd = openSync('/proc/self/mem', 'r');
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, length, address));
  } finally {
    closeSync(fd);
  }
}

/** What this process maps, and therefore a copy of it. */
export function ownMappings(): AddressRange[] {
  return parseMaps(readFileSync('/proc/self/maps', 'utf8')).map(({ startPage, endPage }) => ({
    start: startPage * PAGE_SIZE,
    end: endPage * PAGE_SIZE,
  }));
}
