import { readFileSync } from 'node:fs';
import { PAGE_SIZE } from '../image/page.js';
import { parseMaps } from '../proc/maps.js';
import { call, type MoveStep } from './plan/step.js';
import type { Stub } from './stub.js';

const mayMoveFixed = 3;

/** What runs the calls. */
export type PageMover = Pick<Stub, 'attempt' | 'call' | 'hostPid'>;

/**
 * Moves pages. The kernel (before Linux 6.17) moves out of one mapping at a time, and has not
 * joined what a process got by fork and what it has mapped itself.
 * @throws TargetError `RESTORE_CALL`
 */
export function movePages(stub: PageMover, { fromPage, toPage, nrPages }: MoveStep): void {
  if (stub.attempt(moveCall(fromPage, toPage, nrPages)) >= 0) return;
  const maps = parseMaps(readFileSync(`/proc/${stub.hostPid}/maps`, 'utf8'));
  for (const { startPage, endPage } of maps) {
    const start = Math.max(startPage, fromPage);
    const end = Math.min(endPage, fromPage + nrPages);
    if (start < end) stub.call(moveCall(start, toPage + (start - fromPage), end - start));
  }
}

function moveCall(fromPage: number, toPage: number, nrPages: number) {
  const [from, to, length] = [fromPage, toPage, nrPages].map((pages) => pages * PAGE_SIZE);
  const args = [from ?? 0, length ?? 0, length ?? 0, mayMoveFixed, to ?? 0];
  return call('mremap', args, 'pages on their way', { expect: to ?? 0 });
}
