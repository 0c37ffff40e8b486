import { readdirSync } from 'node:fs';
import { readError } from './read-error.js';

/**
 * Ids of a process' threads.
 * @throws TargetError `NO_SUCH_PROCESS`
 */
export function threadsOf(pid: number, proc = '/proc'): number[] {
  try {
    return readdirSync(`${proc}/${pid}/task`).map(Number);
  } catch (error) {
    throw readError(error, 'list the threads', pid);
  }
}
