import type { VmaRecord } from '../image/index.js';
import { type Layout, vmaKinds, vmaStates } from '../kernel/layout.js';
import { residentAnon, type Session } from '../kernel/session.js';

const filePrivate = vmaKinds.indexOf('file-private');
const swappable = vmaStates.indexOf('swappable');

/** 64 MiB: what is smaller is tracked in any case. */
const minPages = 16_384;
const maxWrittenShare = 1 / 16;

/**
 * Whether a private file mapping is better not tracked: reading a tracked page copies it, and most
 * of these are the file's.
 * @param nrOwn pages that the process has written
 */
export function isMostlyUnwritten(nrPages: number, nrOwn: number): boolean {
  return nrPages >= minPages && nrOwn < nrPages * maxWrittenShare;
}

/**
 * Large private file mappings that are not swapped, because the target has written next to nothing
 * of them: only what it has is stored each round. Decided once for each mapping, for counting takes
 * a walk over its page tables.
 */
export class MostlyUnwritten {
  #decisions = new Map<string, boolean>();

  /** Decides on what is new in a layout, and forgets what has gone. */
  async decide(session: Session, layout: Layout): Promise<void> {
    const decisions = new Map<string, boolean>();
    for (let i = 0; i < layout.length; i++) {
      if (!isCandidate(layout, i)) continue;
      const key = keyOf(layout, i);
      decisions.set(key, this.#decisions.get(key) ?? (await look(session, layout, i)));
    }
    this.#decisions = decisions;
  }

  /** Whether a mapping must not be swapped; so too as long as nothing is decided on it. */
  has(layout: Layout, i: number): boolean {
    return isCandidate(layout, i) && this.#decisions.get(keyOf(layout, i)) !== false;
  }

  /** Names the reason in the records of a layout. */
  mark(layout: Layout, vmas: readonly VmaRecord[]): void {
    vmas.forEach((vma, i) => {
      if (this.has(layout, i)) vma.state = 'mostly-unwritten';
    });
  }
}

function isCandidate(layout: Layout, i: number): boolean {
  return (
    layout.state(i) === swappable &&
    layout.kind(i) === filePrivate &&
    layout.endPage(i) - layout.startPage(i) >= minPages
  );
}

function keyOf(layout: Layout, i: number): string {
  return `${layout.startPage(i)}-${layout.endPage(i)} ${layout.file(i)}`;
}

async function look(session: Session, layout: Layout, i: number): Promise<boolean> {
  const [startPage, endPage] = [layout.startPage(i), layout.endPage(i)];
  const resident = await session.resident(Float64Array.of(startPage, endPage));
  let nrOwn = 0;
  for (let row = 0; row < resident.length; row += 4) {
    if (((resident[row + 3] ?? 0) & residentAnon) !== 0) nrOwn += resident[row + 2] ?? 0;
  }
  return isMostlyUnwritten(endPage - startPage, nrOwn);
}
