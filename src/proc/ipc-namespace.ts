import { readlinkSync } from 'node:fs';

/** Whose SysV memory a process may map: `ipc:[4026531839]`; undefined if it has ended. */
export function ipcNamespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/ipc`);
  } catch {
    return undefined;
  }
}
