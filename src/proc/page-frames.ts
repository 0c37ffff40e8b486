import { closeSync, openSync, readSync } from 'node:fs';
import { readError } from './read-error.js';

const entryBytes = 8;
/** Entries that are read at once. */
const batch = 8192;

/**
 * The page frames that a process has behind some pages, by `/proc/PID/pagemap`. What the kernel does
 * not tell (the page is swapped out, or CAP_SYS_ADMIN is missing) is left out.
 * @param runs page, nrPages pairs
 * @returns frame, page, nrPages of what is consecutive in both; and so on, in the order of the runs
 * @throws TargetError `NO_SUCH_PROCESS`, `NOT_PERMITTED`
 */
export function readFrames(pid: number, runs: Float64Array, proc = '/proc'): Float64Array {
  const rows: number[] = [];
  const entries = Buffer.alloc(batch * entryBytes);
  try {
    const fd = openSync(`${proc}/${pid}/pagemap`, 'r');
    try {
      for (let i = 0; i < runs.length; i += 2) {
        const [start = 0, nrPages = 0] = runs.subarray(i, i + 2);
        for (let page = start; page < start + nrPages; page += batch) {
          const nr = Math.min(batch, start + nrPages - page);
          const bytes = readSync(fd, entries, 0, nr * entryBytes, page * entryBytes);
          addFrames(rows, page, entries.subarray(0, bytes));
        }
      }
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw readError(error, 'read the page map', pid);
  }
  return Float64Array.from(rows);
}

/** Bit 63 of an entry: in memory; bits 0 to 54: the frame, 0 for those who may not know. */
function addFrames(rows: number[], firstPage: number, entries: Buffer): void {
  for (let at = 0; at < entries.length; at += entryBytes) {
    const high = entries.readUInt32LE(at + 4);
    const frame = (high & 0x7fffff) * 2 ** 32 + entries.readUInt32LE(at);
    if (high >>> 31 === 0 || frame === 0) continue;
    const page = firstPage + at / entryBytes;
    const [lastFrame = 0, lastPage = 0, nrPages = 0] = rows.slice(-3);
    if (lastFrame + nrPages === frame && lastPage + nrPages === page)
      rows[rows.length - 1] = nrPages + 1;
    else rows.push(frame, page, 1);
  }
}
