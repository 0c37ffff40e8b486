import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { isSystemError, TargetError } from '../errors.js';

/** Errors of a process, or cgroup, that has gone while it was looked at. */
const goneCodes = new Set(['ENOENT', 'ESRCH', 'ENODEV']);

/** Of the directory of threads: itself, `.`, and the thread's `..`. */
const linksOfOneThread = 3;

/**
 * The children of all threads of a process; none of one that has gone.
 * @param proc where procfs is; tests have their own
 */
export function childrenOf(pid: number, proc = '/proc'): number[] {
  const tasks = `${proc}/${pid}/task`;
  const nrLinks = unlessGone(() => statSync(tasks).nlink);
  if (nrLinks === linksOfOneThread) return readNumbers(`${tasks}/${pid}/children`);
  const tids = unlessGone(() => readdirSync(tasks)) ?? [];
  return tids.flatMap((tid) => readNumbers(`${tasks}/${tid}/children`));
}

/** Processes and all that descend from them, each once; ancestors come before their children. */
export function withDescendants(pids: Iterable<number>, proc = '/proc'): number[] {
  const found = new Set(pids);
  // A set is walked in the order of insertion, through what is added meanwhile too.
  for (const pid of found) for (const child of childrenOf(pid, proc)) found.add(child);
  return [...found];
}

/** Where a cgroup is: an absolute path below /sys/fs/cgroup, or one relative to that. */
export function cgroupDirectory(name: string, root = '/sys/fs/cgroup'): string {
  return path.resolve(root, name);
}

/**
 * The processes of a cgroup (version 2) and of those below it.
 * @throws TargetError `NO_SUCH_CGROUP`
 */
export function processesOfCgroup(directory: string): number[] {
  const pids = cgroupPids(directory);
  if (pids) return pids;
  throw new TargetError(
    'NO_SUCH_CGROUP',
    `there is no cgroup of version 2 at ${directory}: name a directory below /sys/fs/cgroup ` +
      'that has a file cgroup.procs',
    { facts: { cgroup: directory } },
  );
}

function cgroupPids(directory: string): number[] | undefined {
  const text = unlessGone(() => readFileSync(path.join(directory, 'cgroup.procs'), 'utf8'));
  if (text === undefined) return undefined;
  const entries = unlessGone(() => readdirSync(directory, { withFileTypes: true })) ?? [];
  const below = entries
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => cgroupPids(path.join(directory, name)) ?? []);
  return [...new Set([...numbersIn(text), ...below])];
}

function readNumbers(file: string): number[] {
  return numbersIn(unlessGone(() => readFileSync(file, 'utf8')) ?? '');
}

/** Pid 0 is a process outside of this pid namespace. */
function numbersIn(text: string): number[] {
  return text
    .split(/\s+/)
    .map(Number)
    .filter((pid) => pid > 0);
}

function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isSystemError(error) && goneCodes.has(error.code)) return undefined;
    throw error;
  }
}
