import { readFileSync } from 'node:fs';

/** Lines of smaps that say what a mapping is, not how much of it is resident. */
const lasting = /^(KernelPageSize|MMUPageSize|THPeligible|ProtectionKey|VmFlags):/;

interface Mapping {
  start: string;
  end: string;
  /** what else is said of it */
  description: string;
}

function read(pid: number, file: string): string[] {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8').trim().split('\n');
}

/**
 * What `/proc/PID/smaps` says of each mapping but residency, comparable with a twin's. Inode numbers
 * of files without a name differ between twins. Of the flags, `sd` (soft-dirty) is left out: whatever
 * replaces a mapping sets it. Neighbours of anonymous memory that are the same but for their place are
 * one: whether the kernel could merge them depends on which of them was written first.
 */
export function describeMappings(pid: number): string[] {
  const mappings: Mapping[] = [];
  for (const line of read(pid, 'smaps')) {
    const [, start, end, rest] = /^([0-9a-f]+)-([0-9a-f]+) (.*)$/.exec(line) ?? [];
    const last = mappings.at(-1);
    if (start !== undefined && end !== undefined && rest !== undefined)
      mappings.push({ start, end, description: withoutInode(rest) });
    else if (last && lasting.test(line))
      last.description += `\n  ${line.replace(/ sd\b/, '').trim()}`;
  }
  return merged(mappings).map(({ start, end, description }) => `${start}-${end} ${description}`);
}

function withoutInode(rest: string): string {
  return rest.endsWith('(deleted)') ? rest.replace(/ \d+ +\//, ' INODE /') : rest.trim();
}

function merged(mappings: readonly Mapping[]): Mapping[] {
  const all: Mapping[] = [];
  for (const mapping of mappings) {
    const last = all.at(-1);
    const isAnonymous = / 00:00 0\b/.test(mapping.description);
    if (last?.end === mapping.start && isAnonymous && unlabelled(last) === unlabelled(mapping)) {
      last.end = mapping.end;
      // The program's .bss, which may or may not be one with the heap behind it.
      if (mapping.description.includes('[heap]')) last.description = mapping.description;
    } else {
      all.push({ ...mapping });
    }
  }
  return all;
}

function unlabelled({ description }: Mapping): string {
  return description.replace(/ *(\[heap\])?$/m, '');
}

/** `/proc/PID/numa_maps` without page counts and [heap]: policy and what is mapped, by address. */
export function describePolicies(pid: number): Map<string, string> {
  return new Map(
    read(pid, 'numa_maps').map((line) => {
      const [address = '', ...words] = line.split(' ');
      return [address, words.filter((word) => !/^(\w+=\d+|heap)$/.test(word)).join(' ')];
    }),
  );
}

/** A sum over smaps, such as `Rss`, in KiB. */
export function totalKib(pid: number, name: string): number {
  return read(pid, 'smaps')
    .filter((line) => line.startsWith(`${name}:`))
    .reduce((sum, line) => sum + Number(/\d+/.exec(line)?.[0]), 0);
}
