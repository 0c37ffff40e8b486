import { isSystemError } from '../errors.js';

/** Sends SIGKILL. One that has ended needs none. */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'ESRCH') throw error;
  }
}
