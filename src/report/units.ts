import { PAGE_SIZE } from '../image/page.js';

const byteUnits = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A size as a person reads it: `512 B`, `3.1 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes;
  let unit = '';
  for (const next of byteUnits) {
    // What would be printed as 1024.0 belongs to the next unit.
    if (unit !== '' && value < 1023.95) break;
    value /= 1024;
    unit = next;
  }
  return `${value.toFixed(1)} ${unit}`;
}

/** The size of pages of memory: `12.0 KiB`. */
export function formatPages(nrPages: number): string {
  return formatBytes(nrPages * PAGE_SIZE);
}

/** A span of time: `0.42 ms`, `4.2 ms`, `123 ms`, `1.23 s`, `2 min 5 s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0 ms';
  if (ms < 0.995) return `${ms.toFixed(2)} ms`;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${ms.toFixed(0)} ms`;
  if (ms < 9995) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  return formatSeconds(Math.round(ms / 1000));
}

/** An amount with its noun: `1 mapping`, `12 mappings`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The address a page begins at, as the kernel prints it in maps, with `0x`. */
export function formatAddress(page: number): string {
  return `0x${(BigInt(page) * BigInt(PAGE_SIZE)).toString(16)}`;
}

function formatSeconds(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
