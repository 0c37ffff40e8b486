import { readlinkSync } from 'node:fs';
import { TargetError } from '../../errors.js';
import { native } from '../../native.js';
import { childrenOf } from '../../proc/family.js';
import type { SmapsEntry } from '../../proc/smaps.js';
import { readStatus } from '../../proc/status.js';
import { refusedFiles } from './files/collect-files.js';
import type { FileContext } from './files/file-handler.js';
import { refusedTimers } from './list-timers.js';
import { refusedMappings } from './refused-mappings.js';

const namespaces = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'] as const;
/** Types of kcmp, by what threads have in common that was made by pthread_create. */
const common = { memory: 1, files: 2, 'working directory': 3, 'signal handlers': 4 } as const;
const maxNamed = 20;

/** What is looked at to tell whether a process can be dumped. */
export interface Dumpable extends FileContext {
  pid: number;
  tids: readonly number[];
  mappings: readonly SmapsEntry[];
}

/**
 * Refuses, by name, what cannot be dumped and restored. Looks at procfs only.
 * @throws TargetError `NOT_DUMPABLE`, of which `facts.reasons` has a line per reason
 */
export function refuseUndumpable(process: Dumpable): void {
  refuseFor(process.pid, reasonsAgainst(process));
}

/** What of a process cannot be dumped and restored, a line each. Looks at procfs only. */
export function reasonsAgainst(process: Dumpable): string[] {
  return [
    ...refusedProcess(process),
    ...refusedThreads(process),
    ...refusedMappings(process.pid, process.mappings),
    ...refusedFiles(process),
  ];
}

/**
 * Refuses a process, or the tree below it, where there are reasons to.
 * @throws TargetError `NOT_DUMPABLE`, of which `facts.reasons` has all of them
 */
export function refuseFor(pid: number, reasons: readonly string[]): void {
  if (reasons.length === 0) return;
  const named = reasons.slice(0, maxNamed);
  const more = reasons.length > maxNamed ? [`and ${reasons.length - maxNamed} more`] : [];
  throw new TargetError(
    'NOT_DUMPABLE',
    `cannot dump pid ${pid}, which runs on: it has what cannot be restored yet: ` +
      [...named, ...more].join('; '),
    { facts: { pid, reasons: reasons.join('\n') } },
  );
}

function refusedProcess({ pid, tree }: Dumpable): string[] {
  const reasons: string[] = [];
  const children = tree ? [] : childrenOf(pid);
  if (children.length > 0) reasons.push(`children of pid ${pid}: ${children.join(', ')}`);
  for (const name of namespaces) {
    const [its, ours] = [pid, 'self'].map((who) => readlinkSync(`/proc/${who}/ns/${name}`));
    if (its !== ours)
      reasons.push(`namespace of pid ${pid}: ${its ?? name}, another than tracker's`);
  }
  if (readlinkSync(`/proc/${pid}/cwd`).endsWith(' (deleted)'))
    reasons.push(`working directory of pid ${pid}: ${readlinkSync(`/proc/${pid}/cwd`)}`);
  return [...reasons, ...refusedTimers(pid)];
}

function refusedThreads({ pid, tids }: Dumpable): string[] {
  return tids.flatMap((tid) => {
    const reasons: string[] = [];
    const status = readStatus(`${pid}/task/${tid}`);
    if (status.number('Seccomp') !== 0) reasons.push(`seccomp filter of thread ${tid}`);
    if (tid === pid) return reasons;
    for (const [what, type] of Object.entries(common))
      if (native.kcmp(pid, tid, type, 0, 0) !== 0)
        reasons.push(`${what} of thread ${tid}: its own`);
    return reasons;
  });
}
