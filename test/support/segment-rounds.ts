import { noFreeze } from '../../src/dump/reports.js';
import {
  type ImageDirectory,
  PageReader,
  segmentOf,
  type VmaRecord,
} from '../../src/image/index.js';
import { copySegments } from '../../src/tree/copy-segments.js';
import { harvestMembers } from '../../src/tree/harvest-members.js';
import { mappersOf, type MemberRound } from '../../src/tree/member-round.js';
import { Segments } from '../../src/tree/segments.js';
import type { TreeMember } from '../../src/tree/tree-member.js';
import { layoutOf, tracked } from '../unit/dump/fixtures.js';
import { memberDetails, numbersOf } from '../unit/image/fixtures.js';
import type { FakeShared } from './fake-shared.js';
import type { FakeTarget } from './fake-target.js';

/** What goes on while a round is taken. */
export interface RoundEvents {
  /** before the segments are copied; who is returned ends then, and is dropped */
  onCopy?: () => readonly FakeTarget[];
  /** the round comes to nothing, as it does where nobody is left */
  isFailed?: boolean;
}

const noSwap = { layout: layoutOf(), names: [], nrVmas: 0, nrPages: 0, freeze: noFreeze };

/** Rounds of fake targets that map shared memory, of which alone something is stored. */
export class SegmentRounds {
  readonly #segments = new Segments();
  readonly #members = new Map<FakeTarget, TreeMember>();

  /** @param names of segments, by inode, and of files */
  constructor(
    readonly images: ImageDirectory,
    readonly names: ReadonlyMap<FakeShared, Partial<VmaRecord>>,
  ) {}

  /** @returns pages stored of each segment */
  async take(
    targets: readonly FakeTarget[],
    { onCopy = () => [], isFailed = false }: RoundEvents = {},
  ): Promise<number[]> {
    const all = targets.map((target) => this.#roundOf(target));
    await using writer = await this.images.beginRound();
    const harvests = await harvestMembers(all, this.#segments);
    const harvested = all.filter((round) => round.harvest);
    if (harvests.size !== all.length) throw new Error('a harvest is missing');
    const segments = this.#segments.assign(mappersOf(harvested));
    const ended = onCopy().map(({ session }) => session);
    const rounds = harvested.filter(({ member }) => !ended.includes(member.context.session));
    const stored = await copySegments(writer, segments, rounds, false);
    if (isFailed || rounds.length === 0) {
      for (const { member } of rounds) member.context.session.abort(0);
      return [];
    }
    const details = stored.map((segment) => segment.details);
    const members = rounds.map((round) => detailsOf(round));
    const meta = await writer.commit({ members, segments: details, isFrozen: false, stats: {} });
    this.#segments.keep(segments.filter(({ segment }) => segmentOf(meta, segment)));
    for (const { member, vmas } of rounds) {
      member.previous = { vmas };
      member.firstRound ??= meta.number;
      member.context.session.commit(0);
    }
    return stored.map(({ pages }) => pages);
  }

  /** What the images have of the shared memory that a target maps. */
  async contentOf(target: FakeTarget, shared: FakeShared): Promise<number[]> {
    const { startPage, endPage } = this.#mappingOf(target, shared);
    const member = this.#members.get(target)?.number ?? -1;
    await using reader = new PageReader(this.images, { member });
    return numbersOf(await reader.read(startPage, endPage - startPage));
  }

  /** As after a take-over by a controller that does not know what was harvested since. */
  forgetPrevious(target: FakeTarget): void {
    const member = this.#members.get(target);
    if (member) member.previous = null;
  }

  #roundOf(target: FakeTarget): MemberRound {
    let member = this.#members.get(target);
    if (!member) this.#members.set(target, (member = target.member(this.#members.size)));
    const vmas = [...target.shared].map((shared) => this.#mappingOf(target, shared));
    vmas.sort((a, b) => a.startPage - b.startPage);
    const rest = { sharing: [], ipcNamespace: undefined, isHarvester: true, stored: new Map() };
    return { member, swap: noSwap, vmas, isSame: false, ...rest };
  }

  #mappingOf(target: FakeTarget, shared: FakeShared): VmaRecord {
    const region = shared.trackers.get(target) ?? 0;
    const startPage = 1000 * [...this.names.keys()].indexOf(shared) + 1000;
    const more = { prot: 3, shared: true, ...this.names.get(shared) };
    return tracked(startPage, startPage + shared.nrPages, region, 0, more);
  }
}

function detailsOf({ member, vmas }: MemberRound) {
  const { target } = member.context;
  const kind = member.previous === null ? 'full' : 'delta';
  return memberDetails({ member: member.number, target, kind, vmas: [...vmas] });
}
