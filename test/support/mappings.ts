import { readFileSync } from 'node:fs';

/** Lines of smaps that say what a mapping is, not how much of it is resident. */
const lasting = ['Size', 'KernelPageSize', 'MMUPageSize', 'THPeligible', 'ProtectionKey'];

function read(pid: number, file: string): string[] {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8').trim().split('\n');
}

/** Inode numbers of files without a name differ between twins. */
function withoutInode(line: string): string {
  return /\((deleted)\)$/.test(line) ? line.replace(/ \d+ +\//, ' INODE /') : line;
}

/** `/proc/PID/maps`, comparable with a twin's. */
export function describeMaps(pid: number): string[] {
  return read(pid, 'maps').map(withoutInode);
}

/**
 * `/proc/PID/smaps` without residency. Of the flags, `sd` (soft-dirty) is left out: whatever
 * replaces a mapping sets it.
 */
export function describeSmaps(pid: number): string[] {
  return read(pid, 'smaps')
    .filter((line) => /^[0-9a-f]+-/.test(line) || /^VmFlags|^Name/.test(line) || isLasting(line))
    .map((line) => withoutInode(line).replace(/ sd\b/, '').trim());
}

function isLasting(line: string): boolean {
  return lasting.some((name) => line.startsWith(`${name}:`));
}

/** `/proc/PID/numa_maps` without page counts: address, policy, and what is mapped. */
export function describePolicies(pid: number): string[] {
  return read(pid, 'numa_maps').map((line) =>
    line
      .split(' ')
      .filter((word) => !/^\w+=\d+$/.test(word))
      .join(' '),
  );
}

/** A sum over smaps, such as `Rss`, in KiB. */
export function totalKib(pid: number, name: string): number {
  return read(pid, 'smaps')
    .filter((line) => line.startsWith(`${name}:`))
    .reduce((sum, line) => sum + Number(/\d+/.exec(line)?.[0]), 0);
}
