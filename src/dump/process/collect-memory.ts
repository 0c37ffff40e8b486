import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { TargetError } from '../../errors.js';
import { PAGE_SIZE } from '../../image/page.js';
import { readStatus } from '../../proc/status.js';
import type { SmapsEntry } from '../../proc/smaps.js';
import { findBuildId } from '../../process/build-id.js';
import type { FileIdentity } from '../../process/file-identity.js';
import type { MemoryRecord, MmAddresses } from '../../process/memory-record.js';
import type { RemoteTarget } from './remote-target.js';

/** Fields of `/proc/PID/stat`, counted from the state (field 3 of proc(5)). */
const statFields = {
  startCode: 23,
  endCode: 24,
  startStack: 25,
  startData: 42,
  endData: 43,
  startBrk: 44,
  argStart: 45,
  argEnd: 46,
  envStart: 47,
  envEnd: 48,
} as const;

/** What the process' memory is besides its mappings. */
export function collectMemory(target: RemoteTarget, mappings: readonly SmapsEntry[]): MemoryRecord {
  const { pid } = target;
  const [tid = pid] = target.tids;
  const [brk = 0] = target.mustCall(tid, [['brk', 0]]);
  return {
    mm: { ...statAddresses(pid), brk },
    auxv: new Uint8Array(readFileSync(`/proc/${pid}/auxv`)),
    exe: identityOfExe(pid),
    vdsoBuildId: vdsoBuildId(target, mappings),
    thpDisabled: readStatus(String(pid)).text('THP_enabled') === '0',
  };
}

function statAddresses(pid: number): Omit<MmAddresses, 'brk'> {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const entries = Object.entries(statFields).map(([name, i]) => [name, Number(fields[i])]);
  return Object.fromEntries(entries) as Omit<MmAddresses, 'brk'>;
}

/** @throws TargetError `EXE_DELETED` */
export function identityOfExe(pid: number): FileIdentity {
  const path = readlinkSync(`/proc/${pid}/exe`);
  const { size, mtimeNs, ino } = statSync(`/proc/${pid}/exe`, { bigint: true });
  if (path.endsWith(' (deleted)'))
    throw new TargetError(
      'EXE_DELETED',
      `cannot dump pid ${pid}: its program, ${path}, has no name any more: put the file back and ` +
        'start the program again',
      { facts: { pid, file: path } },
    );
  return { path, size: Number(size), mtimeNs, inode: Number(ino) };
}

function vdsoBuildId(target: RemoteTarget, mappings: readonly SmapsEntry[]): string {
  const vdso = mappings.find(({ path }) => path === '[vdso]');
  if (!vdso) return '';
  const nrPages = vdso.endPage - vdso.startPage;
  return findBuildId(target.read(vdso.startPage * PAGE_SIZE, nrPages * PAGE_SIZE));
}
