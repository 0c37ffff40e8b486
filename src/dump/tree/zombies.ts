import { readStat } from '../../proc/stat.js';
import type { ZombieRecord } from '../../process/identity-record.js';

/** A child that has ended, as it waits for its parent, which stands. */
export function describeZombie(pid: number): ZombieRecord {
  const { processGroup, session, exitStatus, comm, startTime } = readStat(pid);
  return { pid, processGroup, session, status: exitStatus, name: comm, startTime };
}
