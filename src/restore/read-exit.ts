import { close, read } from 'node:fs';
import { promisify } from 'node:util';
import { TargetError } from '../errors.js';
import type { ProcessExit } from '../native-remote.js';
import { SIGINFO_BYTES } from '../process/thread-record.js';

const exited = 1;
const offset = { code: 8, status: 24 } as const;

/**
 * How a process ended, by the siginfo that the init of its pid namespace reports. Closes the descriptor.
 * @throws TargetError `INIT_GONE` where the init was killed, and all of the namespace with it
 */
export async function readExit(pid: number, fd: number): Promise<ProcessExit> {
  const info = new DataView(new ArrayBuffer(SIGINFO_BYTES));
  try {
    const { bytesRead } = await promisify(read)(fd, info, 0, SIGINFO_BYTES, null);
    if (bytesRead < SIGINFO_BYTES) throw initGone(pid);
  } finally {
    await promisify(close)(fd);
  }
  const status = info.getInt32(offset.status, true);
  return info.getInt32(offset.code, true) === exited
    ? { code: status, signal: null }
    : { code: null, signal: status };
}

function initGone(pid: number): TargetError {
  return new TargetError(
    'INIT_GONE',
    `pid ${pid} has ended, killed with the init of its pid namespace: restore it again`,
    { facts: { pid } },
  );
}
