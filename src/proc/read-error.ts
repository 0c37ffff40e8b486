import { statSync } from 'node:fs';
import { isSystemError, TargetError } from '../errors.js';

/**
 * The error of a file in `/proc/PID` that could not be read, as a person can use it.
 * @param error anything that is no failed system call comes back as it is
 * @param doing what was being done, e.g. `read the mappings`
 */
export function readError(error: unknown, doing: string, pid: number): unknown {
  if (!isSystemError(error)) return error;
  const options = { cause: error, facts: { pid } };
  switch (error.code) {
    case 'ENOENT':
    case 'ESRCH':
      return noSuchProcess(`${doing} of pid ${pid}`, pid, error);
    case 'EACCES':
    case 'EPERM':
      // The links in /proc are not permitted either for a process that has ended since they were looked up.
      if (isReaped(pid)) return noSuchProcess(`${doing} of pid ${pid}`, pid, error);
      return new TargetError(
        'NOT_PERMITTED',
        `cannot ${doing} of pid ${pid}: not permitted; run as root or with CAP_SYS_PTRACE`,
        options,
      );
    default:
      return new TargetError(
        'PROC_UNREADABLE',
        `cannot ${doing} of pid ${pid}: ${error.message}`,
        options,
      );
  }
}

function isReaped(pid: number): boolean {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false }) === undefined;
}

/** The target is not, or no longer, there. */
export function noSuchProcess(doing: string, pid: number, cause?: unknown): TargetError {
  return new TargetError(
    'NO_SUCH_PROCESS',
    `cannot ${doing}: there is no such process, or it has exited; ps -e lists the pids`,
    { cause, facts: { pid } },
  );
}
