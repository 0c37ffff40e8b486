import { readdirSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { isSystemError } from '../../../errors.js';

/** A descriptor of a process as procfs shows it. */
export interface OpenDescriptor {
  pid: number;
  fd: number;
  /** as in `/proc/PID/fd`: a path without ` (deleted)`, `pipe:[123]`, `anon_inode:[eventfd]`, ... */
  link: string;
  isDeleted: boolean;
  /** O_* without O_CLOEXEC */
  flags: number;
  closeOnExec: boolean;
  offset: number;
  /** all of `/proc/PID/fdinfo/FD` */
  info: string;
  stat: Stats;
}

const closeOnExecFlag = 0o2000000;
const deletedSuffix = ' (deleted)';

/** The descriptors of a process, by number. */
export function listDescriptors(pid: number, proc = '/proc'): OpenDescriptor[] {
  return readdirSync(`${proc}/${pid}/fd`)
    .map(Number)
    .sort((a, b) => a - b)
    .map((fd) => unlessClosed(() => describe(pid, fd, proc)))
    .filter((descriptor) => descriptor !== undefined);
}

/** `fd 7 of pid 12` */
export function nameOf({ fd, pid }: Pick<OpenDescriptor, 'fd' | 'pid'>): string {
  return `fd ${fd} of pid ${pid}`;
}

function describe(pid: number, fd: number, proc: string): OpenDescriptor {
  const path = `${proc}/${pid}/fd/${fd}`;
  const link = readlinkSync(path);
  const isDeleted = link.endsWith(deletedSuffix);
  const info = readFileSync(`${proc}/${pid}/fdinfo/${fd}`, 'utf8');
  const flags = parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8);
  return {
    pid,
    fd,
    link: isDeleted ? link.slice(0, -deletedSuffix.length) : link,
    isDeleted,
    flags: flags & ~closeOnExecFlag,
    closeOnExec: (flags & closeOnExecFlag) !== 0,
    offset: Number(/^pos:\s*(\d+)$/m.exec(info)?.[1] ?? '0'),
    info,
    stat: statSync(path),
  };
}

/** A process that runs may close one while it is looked at. */
function unlessClosed<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
