import { readdirSync, readlinkSync } from 'node:fs';

/**
 * Other processes that have something open, by the name that procfs has for it: `pipe:[123]`.
 * @param pid the one that is known to
 */
export function holdersOf(link: string, pid: number, proc = '/proc'): number[] {
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => other !== pid && hasOpen(other, link, proc));
}

/** Processes come and go while they are looked at. */
function hasOpen(pid: number, link: string, proc: string): boolean {
  const directory = `${proc}/${pid}/fd`;
  try {
    return readdirSync(directory).some((fd) => isLink(`${directory}/${fd}`, link));
  } catch {
    return false;
  }
}

function isLink(path: string, link: string): boolean {
  try {
    return readlinkSync(path) === link;
  } catch {
    return false;
  }
}
