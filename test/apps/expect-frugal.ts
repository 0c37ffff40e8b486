import { expect } from 'chai';
import { formatPages } from '../../src/report/units.js';
import { waitFor } from '../support/wait-for.js';
import { TrackedTree } from './track-tree.js';
import { quietTree, type TreeMemory, treePages, type TreePages } from './tree-memory.js';

/** What keeps a tree busy. */
export interface Load {
  /** Returns when it asks for nothing more. */
  pause: () => unknown;
  goOn: () => unknown;
  /** how much it has done */
  count: () => number | Promise<number>;
}

const nrBursts = 3;
/** What the sum of PSS may grow to at the swap, and at any round; and what it may be after it. */
const roundLimit = 1.05;
const endLimit = 1.02;
/** of the size of round 0 */
const sizeLimit = 0.03;
const burstBoundMs = 120_000;

/**
 * Tracks a tree whose load stands whenever its memory is measured, so that what tracking takes is not
 * mixed up with what the programs take: first while it stands all the time, then with some work
 * between the rounds.
 * @param burst how much of it
 */
export async function expectFrugal(pid: number, load: Load, burst: number): Promise<void> {
  await load.pause();
  try {
    await expectBack(pid);
    await expectRounds(pid, load, burst);
  } finally {
    // Clients that stand would never end.
    await load.goOn();
  }
}

async function expectRounds(pid: number, load: Load, burst: number): Promise<void> {
  const tree = await TrackedTree.start(pid);
  for (let i = 0; i < nrBursts; i++) {
    await workFor(load, burst);
    const quiet = await quietTree(pid);
    const { round, after } = await tree.round();
    expect(after.pss, `round ${round}`).to.be.at.most(quiet.pss * roundLimit);
  }
  await tree.stop();
}

async function expectBack(pid: number): Promise<void> {
  const before = await quietTree(pid);
  const pages = treePages(pid);
  const tree = await TrackedTree.start(pid);
  expectSize(tree.rounds[0]?.bytes ?? 0, before, pages);
  const started = await quietTree(pid);
  const { after: later } = await tree.round();
  await tree.stop();
  const after = await quietTree(pid);
  show('before the start', before);
  show('started', started);
  show('round 1', later);
  show('after the stop', after);
  expect(started.pss).to.be.at.most(before.pss * roundLimit);
  expect(later.pss).to.be.at.most(before.pss * roundLimit);
  // The comparison has made all of the shared memory resident: it counts once, whoever maps it.
  const segmentsKib = (pages.segments.filled + pages.segments.zeros) * 4;
  const own = ({ anon, file }: TreeMemory) => anon + file + segmentsKib;
  expect(own(after)).to.be.at.most(own(before) * endLimit);
}

/** Round 0 of a tree has each page once: those of zeros take no bytes. */
function expectSize(bytes: number, { anon, rss }: TreeMemory, pages: TreePages): void {
  const segments = pages.segments.filled + pages.segments.zeros;
  const filled = pages.private.filled + pages.segments.filled;
  const pssPages = anon / 4 + segments;
  console.log(
    `round 0: ${formatPages(bytes / 4096)} stored, ${formatPages(filled)} there; with those of zeros: ` +
      `PSS of private memory ${formatPages(anon / 4)}, segments ${formatPages(segments)}; ` +
      `RSS of all ${formatPages(rss / 4)}; ${JSON.stringify(pages)}`,
  );
  expect(bytes / 4096).to.be.closeTo(filled, filled * sizeLimit);
  expect(bytes / 4096).to.be.at.most(pssPages * (1 + sizeLimit));
}

async function workFor(load: Load, burst: number): Promise<void> {
  const start = await load.count();
  await load.goOn();
  await waitFor('work', async () => (await load.count()) >= start + burst, burstBoundMs);
  await load.pause();
}

function show(when: string, { pss, anon, file, shmem, rss, nrProcesses }: TreeMemory): void {
  const parts = { anon, file, shmem };
  console.log(
    `${when}: PSS ${formatPages(pss / 4)} (${Object.entries(parts)
      .map(([name, kib]) => `${name} ${formatPages(kib / 4)}`)
      .join(', ')}), RSS ${formatPages(rss / 4)} of ${nrProcesses} processes`,
  );
}
