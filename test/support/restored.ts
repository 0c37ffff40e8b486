import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type DumpReport, dumpProcess } from '../../src/dump/process/dump.js';
import { dumpTree } from '../../src/dump/tree/dump-tree.js';
import { Program } from './programs.js';
import { waitFor } from './wait-for.js';

/** A new directory for images; `remove` takes it away. */
export class ImagesDirectory implements Disposable {
  /** for files of the test */
  readonly directory = mkdtempSync(path.join(tmpdir(), 'tracker-restore-'));
  readonly path = path.join(this.directory, 'images');

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Dumps a program, whose standard streams are pipes to this process. */
export async function dumpProgram(
  { pid }: Pick<Program, 'pid'>,
  images: string,
  options: { leaveRunning?: boolean } = {},
): Promise<DumpReport> {
  return dumpProcess({ pid, images, external: externalOf(pid), ...options });
}

/** Dumps a program with its tree, which ends it. Returns the pids, the root's first. */
export async function dumpProgramTree(
  { pid, exit }: Pick<Program, 'pid' | 'exit'>,
  images: string,
): Promise<number[]> {
  const { members } = await dumpTree({ pid, images, external: externalOf(pid) });
  await exit;
  const pids = members.map((member) => member.pid);
  await untilGone(pids);
  return pids;
}

/** Waits until processes have ended and were collected. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  await waitFor('they have gone', () => !pids.some(isThere));
}

/**
 * Restores a program by the command line, whose standard streams it gets; to be asked as before.
 * @param pid whose end is waited for, or null
 */
export async function restoreProgram(
  pid: number | null,
  images: string,
  ...options: string[]
): Promise<Program> {
  if (pid !== null) await waitFor(`pid ${pid} has gone`, () => !isThere(pid));
  const fds = handedIn().flatMap((fd) => ['--inherit-fd', String(fd)]);
  return Program.startTracker('restore', images, ...fds, ...options);
}

/** Dumps a program, which ends it, and restores it. */
export async function dumpAndRestore(program: Program, images: string): Promise<Program> {
  await dumpProgram(program, images);
  await program.exit;
  return restoreProgram(program.pid, images);
}

/** Descriptors of this process that a restored program is handed. */
export function handedIn(): number[] {
  return [0, 1, 2, ...leaked()];
}

/** Pipes to this process, and what it has itself from whoever has started it. */
export function externalOf(pid: number): number[] {
  return [0, 1, 2, ...leaked().filter((fd) => linkOf(pid, fd) === linkOf('self', fd))];
}

/** Descriptors without FD_CLOEXEC that this process was started with: its children have them too. */
function leaked(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fd > 2 && linkOf(process.ppid, fd) === linkOf('self', fd))
    .filter((fd) => /^(pipe|socket):/.test(linkOf('self', fd)));
}

function linkOf(pid: number | string, fd: number): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
