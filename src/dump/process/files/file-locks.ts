import type { FileLock } from '../../../process/lock-record.js';
import type { Holders } from './holders.js';
import type { OpenDescriptor } from './open-descriptor.js';

const kinds: Readonly<Record<string, FileLock['kind']>> = {
  POSIX: 'posix',
  OFDLCK: 'ofd',
  FLOCK: 'flock',
};

/** `lock: 1: POSIX ADVISORY WRITE 12 08:01:34 0 EOF` in `/proc/PID/fdinfo/FD` */
const lockLine = /^lock:\s*\d+: (\S+)\s+(\S+)\s+(\S+)\s+\S+ \S+ (\d+) (\d+|EOF)$/gm;

/** Locks by a descriptor that cannot be kept: leases, and those that another process has too. */
export function refusedLocks(descriptor: OpenDescriptor, holders: Holders): string | undefined {
  const { link, info } = descriptor;
  const lines = [...info.matchAll(/^lock:\s*\d+: (\S+)/gm)];
  const [kind] = lines.map(([, name = '']) => name).filter((name) => !(name in kinds));
  if (kind !== undefined) return `${kind} lock on ${link}`;
  if (lines.length === 0) return undefined;
  const others = locksOf(descriptor).some(({ kind: each }) => each !== 'posix')
    ? holders.sharingOutside(descriptor)
    : [];
  return others.length === 0
    ? undefined
    : `lock on ${link}, which pid ${others.join(', ')} has by the same open file`;
}

/** The locks that are held by a descriptor's open file, or by the process through it. */
export function locksOf({ info }: OpenDescriptor): FileLock[] {
  return [...info.matchAll(lockLine)].flatMap(([, name = '', , type, start, end = 'EOF']) => {
    const kind = kinds[name];
    if (!kind) return [];
    const isExclusive = type === 'WRITE';
    // procfs has the last byte.
    const behind = end === 'EOF' ? null : Number(end) + 1;
    return [{ kind, isExclusive, start: Number(start), end: behind }];
  });
}
