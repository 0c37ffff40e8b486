import { isTrackerError } from './error-report.js';
import type { Services } from './services.js';

/** Whether a process has a session now; one that is gone, or out of reach, has none. */
export async function isTracked(pid: number, { device }: Services): Promise<boolean> {
  try {
    using opened = await device();
    return opened.status(pid) !== undefined;
  } catch (error) {
    if (isTrackerError(error)) return false;
    throw error;
  }
}
