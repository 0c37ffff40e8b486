import { readFile } from 'node:fs/promises';
import { type MapsEntry, parseMaps } from './maps.js';
import { readError } from './read-error.js';

/** A mapping as `/proc/PID/smaps` has it. */
export interface SmapsEntry extends MapsEntry {
  /** two letters each, as printed: `rd wr mr mw me ac` */
  flags: string;
  /** pages of its own are there, in memory or swapped out: none needs to be looked for otherwise */
  hasOwnPages: boolean;
}

const mapping = /^[0-9a-f]+-[0-9a-f]+ /;

/**
 * Parses `/proc/PID/smaps`.
 * @throws Error naming the line that is none
 */
export function parseSmaps(text: string): SmapsEntry[] {
  const entries: SmapsEntry[] = [];
  for (const line of text.split('\n')) {
    if (mapping.test(line)) {
      const [entry] = parseMaps(line);
      if (entry) entries.push({ ...entry, flags: '', hasOwnPages: false });
    } else addField(entries.at(-1), line);
  }
  return entries;
}

/**
 * Reads the mappings of a process with all that the kernel tells of them.
 * @throws TargetError `NO_SUCH_PROCESS`, `NOT_PERMITTED`
 */
export async function readSmaps(pid: number, proc = '/proc'): Promise<SmapsEntry[]> {
  try {
    return parseSmaps(await readFile(`${proc}/${pid}/smaps`, 'utf8'));
  } catch (error) {
    throw readError(error, 'read the mappings', pid);
  }
}

function addField(entry: SmapsEntry | undefined, line: string): void {
  const [, name, value = ''] = /^(\w+):\s*(.*?)\s*$/.exec(line) ?? [];
  if (!entry || name === undefined) return;
  if (name === 'VmFlags') entry.flags = value;
  // Swap counts what is in the swap cache besides; Anonymous counts what is in memory.
  if ((name === 'Anonymous' || name === 'Swap') && !value.startsWith('0 '))
    entry.hasOwnPages = true;
}
