import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** Swap in compressed memory. */
export function addCompressedSwap(mib: number): void {
  execFileSync('modprobe', ['zram']);
  writeFileSync('/sys/block/zram0/disksize', `${mib}M`);
  execFileSync('mkswap', ['/dev/zram0'], { stdio: 'ignore' });
  execFileSync('swapon', ['/dev/zram0']);
}

/** Takes it back, which reads all of it in. */
export function removeCompressedSwap(): void {
  execFileSync('swapoff', ['/dev/zram0']);
  writeFileSync('/sys/block/zram0/reset', '1');
}

/** Bytes that were written to it and not freed since. */
export function compressedSwapBytes(): number {
  return Number(readFileSync('/sys/block/zram0/mm_stat', 'utf8').trim().split(/\s+/)[0]);
}
