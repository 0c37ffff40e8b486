import { readFile } from 'node:fs/promises';
import { readError } from './read-error.js';

/** One line of `/proc/PID/maps`. Pages are address / 4096. */
export interface MapsEntry {
  startPage: number;
  /** page after the last one */
  endPage: number;
  /** as printed: `rw-p` */
  perms: string;
  isShared: boolean;
  /** bytes into the file */
  offset: number;
  /** major:minor, as printed: `fd:01` */
  dev: string;
  /** exact up to 2^53 */
  inode: number;
  /** file or name, e.g. `[heap]`; '' if none. Without the kernel's ` (deleted)`. */
  path: string;
  /** the file has no name any more (or a name that ends in ` (deleted)`: the kernel prints both alike) */
  isDeleted: boolean;
}

/** start-end perms offset major:minor inode, blanks up to column 73, path */
const line = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) (\S+) (\d+)(?: +(.*))?$/s;
const deletedSuffix = ' (deleted)';
const pageSize = 4096;

/**
 * Parses `/proc/PID/maps`.
 * @throws Error naming the line that is none
 */
export function parseMaps(text: string): MapsEntry[] {
  return text
    .split('\n')
    .filter((entry) => entry !== '')
    .map(parseLine);
}

/**
 * Reads the mappings of a process.
 * @throws TargetError `NO_SUCH_PROCESS`, `NOT_PERMITTED`
 */
export async function readMaps(pid: number, proc = '/proc'): Promise<MapsEntry[]> {
  try {
    return parseMaps(await readFile(`${proc}/${pid}/maps`, 'utf8'));
  } catch (error) {
    throw readError(error, 'read the mappings', pid);
  }
}

function parseLine(text: string): MapsEntry {
  const match = line.exec(text);
  if (match === null) throw new Error(`not a line of /proc/PID/maps: ${JSON.stringify(text)}`);
  const [, start = '', end = '', perms = '', offset = '', dev = '', inode = '', rest = ''] = match;
  const isDeleted = rest.endsWith(deletedSuffix);
  return {
    startPage: parseInt(start, 16) / pageSize,
    endPage: parseInt(end, 16) / pageSize,
    perms,
    isShared: perms.endsWith('s'),
    offset: parseInt(offset, 16),
    dev,
    inode: Number(inode),
    path: unescapePath(isDeleted ? rest.slice(0, -deletedSuffix.length) : rest),
    isDeleted,
  };
}

/** The kernel escapes newlines in file names, and nothing else. */
function unescapePath(path: string): string {
  return path.replaceAll('\\012', '\n');
}
