import { layoutOf, putBack } from '../dump/round.js';
import { swapNew, type SwapResult } from '../dump/swap-new.js';
import { ImageError, TargetError } from '../errors.js';
import {
  segmentOf,
  type ImageDirectory,
  type MemberDetails,
  type RoundMeta,
  type RoundWriter,
  type SegmentDetails,
  type VmaRecord,
} from '../image/index.js';
import { isSysV } from '../image/vma-record.js';
import type { Layout } from '../kernel/layout.js';
import { layoutsOf, type Outcome } from '../kernel/session-batch.js';
import type { Harvest } from '../native.js';
import { ipcNamespaceOf } from '../proc/ipc-namespace.js';
import { copyMember, planMembers } from './copy-members.js';
import { copySegments } from './copy-segments.js';
import type { FrozenMembers } from './frozen-members.js';
import { harvestMembers } from './harvest-members.js';
import { partsOf } from './layout-parts.js';
import { mappersOf, type MemberRound } from './member-round.js';
import type { Members } from './members.js';
import { reportTreeRound } from './report-tree-round.js';
import { type Segment, Segments } from './segments.js';
import type { StoredPages } from './stored-pages.js';
import { TreeMember } from './tree-member.js';
import type { TreeRoundReport } from './tree-reports.js';
import { encodeUnstored } from './unstored.js';

/** What all rounds of a tree by one controller have in common. */
export interface TreeState {
  members: Members;
  images: ImageDirectory;
  donors: StoredPages;
  /** of memory that is not tracked, by page frame */
  frames: StoredPages;
  segments: Segments;
}

/** How to take a round of a tree. */
export interface TreeRoundOptions {
  /** what became of members that are new, and swapped already */
  swapped: ReadonlyMap<TreeMember, SwapResult>;
  /** for how long those stood */
  freezeMs: (member: TreeMember) => number;
  /** the final round: all members stand */
  frozen?: FrozenMembers;
}

/** Numbers and times of a round, for the report. */
export interface TakenRound {
  meta: RoundMeta;
  writer: RoundWriter;
  rounds: readonly MemberRound[];
  segments: readonly { details: SegmentDetails; pages: number }[];
  freezeOf: (round: MemberRound) => number;
  times: { startMs: number; harvestMs: number; copyMs: number; commitMs: number };
  isFrozen: boolean;
}

/**
 * Takes one round of all members: what is new is swapped, then all are harvested, then all copied,
 * then the round is committed. A member that ends meanwhile is dropped. On an error the round is
 * dropped, and its pages are back in the logs.
 */
export async function takeTreeRound(
  state: TreeState,
  options: TreeRoundOptions,
): Promise<TreeRoundReport> {
  const round = new TreeRound(state, options);
  try {
    const taken = await round.take();
    for (const pages of [state.donors, state.frames]) pages.keep();
    return reportTreeRound(taken, state.members.takeNews());
  } catch (error) {
    round.putBack();
    for (const pages of [state.donors, state.frames]) pages.forget();
    throw error;
  }
}

class TreeRound {
  readonly #state: TreeState;
  readonly #options: TreeRoundOptions;
  readonly #startMs = performance.now();
  #rounds: MemberRound[] = [];
  readonly #bySession = new Map<string, MemberRound>();

  constructor(state: TreeState, options: TreeRoundOptions) {
    this.#state = state;
    this.#options = options;
  }

  get #isFrozen(): boolean {
    return this.#options.frozen !== undefined;
  }

  async take(): Promise<TakenRound> {
    const { images } = this.#state;
    await this.#prepareAll();
    await using writer = await images.beginRound();
    const harvestStartMs = performance.now();
    await this.#harvest();
    const copyStartMs = performance.now();
    const segments = this.#state.segments.assign(mappersOf(this.#rounds));
    await this.#copy(writer);
    const stored = await copySegments(writer, segments, this.#rounds, this.#isFrozen);
    const commitStartMs = performance.now();
    const meta = await this.#commit(
      writer,
      segments,
      stored.map(({ details }) => details),
    );
    const times = {
      startMs: this.#startMs,
      harvestMs: copyStartMs - harvestStartMs,
      copyMs: commitStartMs - copyStartMs,
      commitMs: performance.now() - commitStartMs,
    };
    const rounds = this.#rounds;
    const freezeOf = (round: MemberRound) => this.#freezeOf(round);
    return { meta, writer, rounds, segments: stored, freezeOf, times, isFrozen: this.#isFrozen };
  }

  /** What was harvested goes back into the logs. */
  putBack(): void {
    for (const { member, harvest } of this.#rounds)
      if (harvest) putBack(member.context.session, harvest);
  }

  async #prepareAll(): Promise<void> {
    const members = this.#state.members.all;
    const old = members.filter((member) => !this.#options.swapped.has(member));
    const layouts = await layoutsOf(old.map(({ context }) => context.session));
    const byMember = new Map(old.map((member, i) => [member, layouts[i]]));
    await this.#each(members, async (member) => {
      const round = await this.#prepare(member, byMember.get(member));
      this.#rounds.push(round);
      this.#bySession.set(member.sessionId, round);
    });
  }

  /** @param layout of a member that was not swapped just now */
  async #prepare(member: TreeMember, layout?: Outcome<Layout>): Promise<MemberRound> {
    const { context, previous, names } = member;
    const swap =
      this.#options.swapped.get(member) ??
      (await swapNew(context, await (layout?.() ?? context.session.layout()), this.#isFrozen));
    if (swap.names.length > 0) member.swapped = swap.names;
    const older = [...names, ...this.#namesOfParent(member)];
    const frozen = this.#options.frozen;
    const { vmas, isSame } = await layoutOf(
      context,
      swap.layout,
      { previous, names: older, ...(frozen && { frozen }) },
      member.swapped,
    );
    const sharing = await this.#state.members.externalSharing(member, vmas);
    const mapsSysV = partsOf(vmas).shared.some(isSysV);
    const ipcNamespace = mapsSysV ? ipcNamespaceOf(member.pid) : undefined;
    const rest = { isHarvester: true, stored: new Map<VmaRecord, number>() };
    return { member, swap, vmas, isSame, sharing, ipcNamespace, ...rest };
  }

  /** What an heir has of its parent is called as it is there. */
  #namesOfParent(member: TreeMember): readonly VmaRecord[] {
    if (!member.lineage || member.isStored) return [];
    const { lastRegion } = member.lineage;
    const vmas = this.#parentOf(member)?.vmas ?? [];
    return vmas.filter(({ region = 0 }) => region > 0 && region <= lastRegion);
  }

  #parentOf({ lineage }: TreeMember): MemberRound | undefined {
    return lineage ? this.#bySession.get(lineage.sessionId) : undefined;
  }

  async #harvest(): Promise<void> {
    const [first] = this.#rounds;
    if (!first) return;
    first.member.context.signal?.throwIfAborted();
    first.member.context.onProgress?.({ phase: 'harvest', donePages: 0, totalPages: 0 });
    const harvests = await harvestMembers(this.#rounds, this.#state.segments);
    const donePages = this.#rounds.reduce((sum, { harvest }) => sum + (harvest?.nrPages ?? 0), 0);
    first.member.context.onProgress?.({ phase: 'harvest', donePages, totalPages: donePages });
    await this.#each([...harvests.keys()], (round) => {
      // Throws the error of one that has failed.
      harvests.get(round)?.();
      return Promise.resolve();
    });
  }

  async #copy(writer: RoundWriter): Promise<void> {
    const { donors, frames, images } = this.#state;
    const parentOf = (round: MemberRound) => this.#parentOf(round.member);
    const isFrozen = this.#isFrozen;
    await planMembers(this.#rounds, parentOf, isFrozen);
    await this.#each(
      [...this.#rounds],
      async (round) => {
        await copyMember(round, { images, writer, donors, frames, parentOf, isFrozen });
        for (const pages of [donors, frames]) pages.mark();
      },
      (round) => {
        writer.dropMember(round.member.number);
        for (const pages of [donors, frames]) pages.rewind();
      },
    );
  }

  async #commit(
    writer: RoundWriter,
    segments: readonly Segment[],
    details: SegmentDetails[],
  ): Promise<RoundMeta> {
    if (this.#rounds.length === 0) throw noMember(this.#state.images.path);
    const onProgress = this.#rounds[0]?.member.context.onProgress;
    const totalPages = writer.counts.nrPages;
    onProgress?.({ phase: 'commit', donePages: 0, totalPages });
    const meta = await writer.commit({
      members: this.#rounds.map(detailsOf),
      segments: details,
      isFrozen: this.#isFrozen,
      stats: this.#stats(),
      unknownFields: encodeUnstored(this.#state.members.unstored),
    });
    this.#state.members.unstoredAreKept();
    for (const { member, vmas, swap } of this.#rounds) {
      member.previous = { vmas, layout: swap.layout };
      member.firstRound ??= meta.number;
      member.swapped = [];
    }
    this.#state.segments.keep(segments.filter(({ segment }) => segmentOf(meta, segment)));
    onProgress?.({ phase: 'commit', donePages: totalPages, totalPages });
    for (const { member, harvest } of this.#rounds)
      if (harvest) await this.#commitMember(member, harvest);
    return meta;
  }

  /** One that has ended since is dropped by the next round. */
  async #commitMember(member: TreeMember, harvest: Harvest): Promise<void> {
    try {
      member.context.session.commit(harvest.epoch);
    } catch (error) {
      if (!(await member.isGone())) throw error;
    }
  }

  #stats(): Record<string, number> {
    const sum = (of: (round: MemberRound) => number) =>
      this.#rounds.reduce((total, round) => total + of(round), 0);
    return {
      dirtyPages: sum(({ harvest }) => harvest?.nrPages ?? 0),
      pinnedPages: sum(({ harvest }) => harvest?.nrPinned ?? 0),
      swappedVmas: sum(({ swap }) => swap.nrVmas),
      swappedPages: sum(({ swap }) => swap.nrPages),
      durationMs: performance.now() - this.#startMs,
      freezeMs: Math.max(...this.#rounds.map((round) => this.#freezeOf(round))),
    };
  }

  #freezeOf({ member, swap }: MemberRound): number {
    const { frozen, freezeMs } = this.#options;
    if (frozen) return frozen.freezeMs(member);
    return Math.max(freezeMs(member), swap.freeze.totalMs);
  }

  /** Does something for each member; one that ends meanwhile is dropped. */
  async #each<T extends TreeMember | MemberRound>(
    items: readonly T[],
    work: (item: T) => Promise<void>,
    onGone?: (item: T) => void,
  ): Promise<void> {
    for (const item of items) {
      const member = memberOfItem(item);
      try {
        await work(item);
      } catch (error) {
        if (error instanceof ImageError || !(await member.isGone())) throw error;
        onGone?.(item);
        this.#rounds = this.#rounds.filter((round) => round.member !== member);
        this.#bySession.delete(member.sessionId);
        this.#state.members.drop(member);
      }
    }
  }
}

function memberOfItem(item: TreeMember | MemberRound): TreeMember {
  return item instanceof TreeMember ? item : item.member;
}

function detailsOf({ member, vmas, isSame, harvest }: MemberRound): MemberDetails {
  const { context, parent, sessionId, previous, isStored } = member;
  const { target, parentPid } = context;
  const kind = previous === null ? 'full' : 'delta';
  return {
    member: member.number,
    target,
    parent,
    parentPid,
    kind,
    sessionId,
    epoch: harvest?.epoch ?? 0,
    vmas: isSame && isStored ? null : [...vmas],
  };
}

function noMember(images: string): TargetError {
  return new TargetError(
    'NO_MEMBER',
    `no process of the tree lives any more: ${images} ends with the round before`,
    { facts: { images } },
  );
}
