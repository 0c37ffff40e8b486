import type { SmapsEntry } from '../../proc/smaps.js';
import { isKernelMapping, kindOf } from './vma-kind.js';

/** Flags of `/proc/PID/smaps` whose meaning cannot be put back, and what they are about. */
const refusedFlags: Readonly<Record<string, string>> = {
  io: 'memory of a device',
  pf: 'memory of a device',
  ht: 'huge pages of hugetlbfs',
  um: 'watched by userfaultfd',
  uw: 'watched by userfaultfd',
  ui: 'watched by userfaultfd',
  ss: 'a shadow stack',
  sl: 'sealed by mseal',
};

/** Files that no path leads to, by the beginning of their names. */
const refusedNames = ['/[aio]', '/SYSV', '/secretmem', 'anon_inode:', '[uprobes]', 'socket:'];

/** Mappings that cannot be restored: `mapping 7f00-7f01 of pid 12: ...`, each. */
export function refusedMappings(pid: number, mappings: readonly SmapsEntry[]): string[] {
  return mappings.flatMap((entry) => {
    const reason = isKernelMapping(entry) ? undefined : refusal(entry);
    return reason === undefined ? [] : [`${nameOf(entry)} of pid ${pid}: ${reason}`];
  });
}

function refusal(entry: SmapsEntry): string | undefined {
  const { path, isDeleted, flags } = entry;
  const flag = flags.split(' ').find((name) => Object.hasOwn(refusedFlags, name));
  if (flag !== undefined) return `${refusedFlags[flag] ?? ''} ${path}`.trimEnd();
  if (refusedNames.some((name) => path.startsWith(name))) return path;
  const isFile = ['file-private', 'file-shared'].includes(kindOf(entry));
  return isFile && isDeleted ? `deleted file ${path}` : undefined;
}

function nameOf({ startPage, endPage }: SmapsEntry): string {
  const [start, end] = [startPage, endPage].map((page) => (page * 4096).toString(16));
  return `mapping ${start ?? ''}-${end ?? ''}`;
}
