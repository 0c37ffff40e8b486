import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { checkDirectory, pageSharing } from '../../src/image/index.js';
import { type Column, formatHeader, formatRow } from '../../src/report/table.js';
import { formatDuration, formatPages } from '../../src/report/units.js';
import { TreeTracker } from '../../src/tree-tracker.js';
import type { MemberReport, TreeRoundReport } from '../../src/tree/tree-reports.js';
import { newImagesPath } from '../support/vm.js';
import { intervalMs, nrRounds, pagesColumns, roundColumn, timeColumns } from './track-rounds.js';
import { type TreeMemory, treeMemory } from './tree-memory.js';

/** A round, and the tree's memory right before and after it. */
export interface MeasuredRound extends TreeRoundReport {
  before: TreeMemory;
  after: TreeMemory;
}

const columns: Column<MeasuredRound>[] = [
  roundColumn,
  { title: 'members', value: ({ members }) => `${members.length}` },
  { title: 'new', value: ({ members }) => `${members.filter(({ isNew }) => isNew).length}` },
  { title: 'ended', value: ({ ended }) => `${ended.length}` },
  ...pagesColumns,
  { title: 'zeros', value: ({ zeroPages }) => `${zeroPages}` },
  { title: 'refs', value: ({ refPages }) => `${refPages}`, width: 5 },
  { title: 'segments', value: (round) => `${segmentPages(round)}` },
  ...timeColumns,
  { title: 'harvest', value: ({ harvestMs }) => formatDuration(harvestMs), width: 8 },
  { title: 'copy', value: ({ copyMs }) => formatDuration(copyMs), width: 8 },
  { title: 'commit', value: ({ commitMs }) => formatDuration(commitMs), width: 8 },
  { title: 'PSS before', value: ({ before }) => formatPages(before.pss / 4), width: 10 },
  { title: 'after', value: ({ after }) => formatPages(after.pss / 4), width: 10 },
];

/** A tree that is tracked, whose rounds are printed as they are taken. */
export class TrackedTree {
  readonly rounds: MeasuredRound[] = [];
  readonly #pid: number;
  readonly #tracker: TreeTracker;

  private constructor(pid: number, tracker: TreeTracker) {
    this.#pid = pid;
    this.#tracker = tracker;
  }

  /** Starts with a process and its descendants; nobody else may have their shared memory. */
  static async start(pid: number): Promise<TrackedTree> {
    const before = treeMemory(pid);
    const options = { pids: [pid], isTree: true, images: newImagesPath() };
    const { tracker, round } = await TreeTracker.start(options);
    const tree = new TrackedTree(pid, tracker);
    console.log(formatHeader(columns));
    tree.#add(round, before);
    return tree;
  }

  get #memory(): TreeMemory {
    return treeMemory(this.#pid);
  }

  async round(): Promise<MeasuredRound> {
    const before = this.#memory;
    return this.#add(await this.#tracker.round(), before);
  }

  /** Stops with `verify`, and checks the images. */
  async stop(): Promise<MeasuredRound> {
    const before = this.#memory;
    const { final, verify, freezeMs, members: ends } = await this.#tracker.stop({ verify: true });
    const last = this.#add(final, before);
    console.log(`stop: freeze ${formatDuration(freezeMs)}, verify ${JSON.stringify(verify)}`);
    for (const { pid, verify: own } of ends)
      if (own && own.lostWrites > 0) console.log(`pid ${pid}: ${own.lostAddresses.join(' ')}`);
    expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
    expect(verify?.pages).to.be.greaterThan(1000);
    const { rounds } = this.#tracker.images;
    const check = await checkDirectory(this.#tracker.images.path);
    const { members, groups } = pageSharing(rounds);
    const all = [...members.map(({ ownPages }) => ownPages), ...groups.map(({ pages }) => pages)];
    const distinct = all.reduce((sum, pages) => sum + pages, 0);
    console.log(`images: ${JSON.stringify(check)}; at the end ${distinct} private pages`);
    expect(check.nrRounds).to.equal(this.rounds.length);
    return last;
  }

  #add(report: TreeRoundReport, before: TreeMemory): MeasuredRound {
    const round = { ...report, before, after: this.#memory };
    this.rounds.push(round);
    console.log(formatRow(columns, round));
    if (round.round > 0 && !round.isFrozen) expectFollowing(round);
    return round;
  }
}

/**
 * Tracks a tree through 20 rounds and a verified stop.
 * @param onRound called after each round, e.g. to have a process fork
 */
export async function trackTree(
  pid: number,
  onRound: (round: MeasuredRound) => void | Promise<void> = () => undefined,
): Promise<MeasuredRound[]> {
  const tree = await TrackedTree.start(pid);
  for (let i = 0; i < nrRounds; i++) {
    if (i > 0) await delay(intervalMs);
    await onRound(await tree.round());
  }
  await tree.stop();
  return tree.rounds;
}

/** A delta has what was written, and nothing else: of no member more than its log had. */
function expectFollowing({ round, members }: TreeRoundReport): void {
  for (const member of members) {
    const { pid, pages, refPages, dirtyPages, isNew, swappedVmas } = member;
    if (isNew || swappedVmas > 0) continue;
    expect(pages + refPages - untrackedPages(member), `round ${round}, pid ${pid}`).to.be.at.most(
      dirtyPages,
    );
  }
}

function untrackedPages({ untracked }: MemberReport): number {
  return untracked.reduce((sum, { storedPages }) => sum + storedPages, 0);
}

function segmentPages({ segments }: TreeRoundReport): number {
  return segments.reduce((sum, { pages }) => sum + pages, 0);
}
