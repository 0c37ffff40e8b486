import { TargetError } from '../errors.js';
import type { VmaRecord } from '../image/index.js';
import { PROT_WRITE } from '../image/vma-record.js';
import type { Session } from '../kernel/session.js';
import { readStat } from '../proc/stat.js';
import { formatAddress, formatCount, formatPages } from '../report/units.js';
import type { Sharing } from './reports.js';
import { fileKey } from './vma-records.js';

/** Other processes that a message names at most. */
const maxNamed = 8;

/** Which mappings to ask about, and how. */
export interface LookOptions {
  /** those whose content is the target's if absent */
  matters?: (vma: VmaRecord) => boolean;
  /** see {@link AskSharers}; names those besides the target if absent */
  ask?: AskSharers;
}

/** Names the processes that map what a mapping shows; undefined where the mapping is gone. */
export type AskSharers = (vma: VmaRecord) => Promise<readonly number[] | undefined>;

/** Who else maps the target's shared memory. Each mapping is asked about once, when it is new. */
export class SharedMappings {
  #sharers = new Map<string, readonly number[]>();
  #last: { vmas: readonly VmaRecord[]; found: readonly Sharing[] } | undefined;

  /** The mappings of a layout that others map too, as it was when each of them was new. */
  async look(
    session: Session,
    vmas: readonly VmaRecord[],
    { matters = isExposed, ask = askOnce(session) }: LookOptions = {},
  ): Promise<readonly Sharing[]> {
    if (this.#last?.vmas === vmas) return this.#last.found;
    const sharers = new Map<string, readonly number[]>();
    const found: Sharing[] = [];
    let hasGone = false;
    for (const vma of vmas.filter(matters)) {
      const { path, startPage, endPage } = vma;
      const key = `${startPage}-${endPage} ${fileKey(vma)}`;
      const pids = this.#sharers.get(key) ?? (await ask(vma));
      // The target may map it again, at the same place.
      if (!pids) hasGone = true;
      else sharers.set(key, pids);
      if (pids && pids.length > 0) found.push({ path, startPage, endPage, pids });
    }
    this.#sharers = sharers;
    this.#last = hasGone ? undefined : { vmas, found };
    return found;
  }
}

/** Asks about each file once. */
function askOnce(session: Session): AskSharers {
  const byFile = new Map<string, readonly number[]>();
  return async (vma) => {
    const known = byFile.get(fileKey(vma));
    if (known) return known;
    const all = await session.sharers(vma.startPage);
    const pids = all?.filter((pid) => pid !== session.pid);
    if (pids) byFile.set(fileKey(vma), pids);
    return pids;
  };
}

/** Its content is the target's, and others can change it. */
function isExposed({ kind, state, prot }: VmaRecord): boolean {
  const isWritable = (prot & PROT_WRITE) !== 0;
  if (kind === 'file-shared') return isWritable;
  return kind === 'anon-shared' && (isWritable || state === 'swappable' || state === 'tracked');
}

/**
 * Refuses a target whose memory others map: images of it alone are not all of what they share.
 * @throws TargetError `EXTERNAL_SHARING`
 */
export function refuseSharing(pid: number, sharing: readonly Sharing[]): void {
  const [first, ...others] = sharing;
  if (!first) return;
  const { path, startPage, endPage, pids } = first;
  const address = formatAddress(startPage);
  const name = path === '' ? 'no name' : path;
  const more = others.length === 0 ? '' : ` (and ${formatCount(others.length, 'more mapping')})`;
  throw new TargetError(
    'EXTERNAL_SHARING',
    `cannot track pid ${pid}: its shared mapping at ${address} (${name}, ` +
      `${formatPages(endPage - startPage)}) is mapped by other processes too: ` +
      `${nameProcesses(pids)}${more}; the target was not touched. With --allow-external-sharing it ` +
      'is tracked all the same: what they write there is seen, their own memory is not in the images',
    { facts: { pid, address, path, size: (endPage - startPage) * 4096, pids: pids.join(',') } },
  );
}

function nameProcesses(pids: readonly number[]): string {
  const names = pids.slice(0, maxNamed).map(nameProcess);
  if (pids.length > maxNamed) names.push(`${pids.length - maxNamed} more`);
  return names.join(', ');
}

/** It may be of another pid namespace, or have just exited. */
function nameProcess(pid: number): string {
  if (pid === 0) return 'one outside this pid namespace';
  try {
    return `pid ${pid} (${readStat(pid).comm})`;
  } catch {
    return `pid ${pid}`;
  }
}
