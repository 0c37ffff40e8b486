import { readFileSync } from 'node:fs';
import { readError } from './read-error.js';

/** What a shell's job control is about. */
export interface Job {
  processGroup: number;
  session: number;
  /** device number of the controlling terminal, 0 for none */
  terminal: number;
  /** of that terminal; -1 for none */
  foregroundGroup: number;
}

/**
 * Reads it of a process.
 * @throws TargetError `NO_SUCH_PROCESS`
 */
export function jobOf(pid: number | 'self', proc = '/proc'): Job {
  try {
    const stat = readFileSync(`${proc}/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [processGroup = 0, session = 0, terminal = 0, foregroundGroup = -1] = fields
      .slice(2, 6)
      .map(Number);
    return { processGroup, session, terminal, foregroundGroup };
  } catch (error) {
    throw readError(error, 'read the job', pid === 'self' ? process.pid : pid);
  }
}
