import { getRandomValues } from 'node:crypto';
import { type RoundMeta, segmentOf } from './round-meta.js';
import { layoutAt } from './rounds-of.js';
import { TreeResolver } from './tree-resolver.js';

/** What of its memory a member shares. Stored pages alone: none of zeros, of files, of segments. */
export interface MemberSharing {
  member: number;
  pid: number;
  comm: string;
  pages: number;
  /** that other members have too */
  sharedPages: number;
  ownPages: number;
}

/** Members that have the same stored pages, and nobody else has. */
export interface SharingGroup {
  members: number[];
  pages: number;
}

/** A segment, and who maps it. */
export interface SegmentSharing {
  segment: number;
  dev: string;
  inode: number;
  path: string;
  /** its size */
  nrPages: number;
  storedPages: number;
  members: number[];
}

/** Who shares which memory in a round. */
export interface PageSharing {
  round: number;
  members: MemberSharing[];
  /** the one with the most pages first */
  groups: SharingGroup[];
  segments: SegmentSharing[];
}

/** Stored pages of a member; `who` is an index into the members. */
interface Uses {
  who: number[];
  start: number[];
  end: number[];
}

/**
 * Finds who shares memory, from the images alone: pages are shared that are stored once. Linear in
 * the members' stored pieces, but for sorting them.
 * @throws RangeError where there is no such round
 */
export function pageSharing(
  rounds: readonly RoundMeta[],
  round = rounds.length - 1,
  resolver = new TreeResolver(rounds),
): PageSharing {
  const meta = rounds[round];
  if (!meta) throw new RangeError(`no round ${round} in a chain of ${rounds.length}`);
  const count = new SharingCount(meta.members.length);
  for (const uses of usesByRound(meta, resolver)) count.add(uses);
  const members = meta.members.map(({ member, target }, who) => {
    const pages = count.pages[who] ?? 0;
    const sharedPages = count.sharedPages[who] ?? 0;
    const { pid, comm } = target;
    return { member, pid, comm, pages, sharedPages, ownPages: pages - sharedPages };
  });
  const groups = count.groups.map(({ whos, pages }) => ({
    members: whos.map((who) => members[who]?.member ?? 0),
    pages,
  }));
  groups.sort((a, b) => b.pages - a.pages);
  return { round, members, groups, segments: segmentSharing(rounds, meta, resolver) };
}

/** For each round that stores pages, who has which of its pages file. */
function usesByRound({ members, number }: RoundMeta, resolver: TreeResolver): Iterable<Uses> {
  const byRound = new Map<number, Uses>();
  members.forEach(({ member }, who) => {
    for (const { isZero, round, filePage, nrPages } of resolver.pageMap(member, number).entries()) {
      if (isZero) continue;
      let uses = byRound.get(round);
      if (!uses) byRound.set(round, (uses = { who: [], start: [], end: [] }));
      uses.who.push(who);
      uses.start.push(filePage);
      uses.end.push(filePage + nrPages);
    }
  });
  return byRound.values();
}

/** Numbers of as many bits as fit twice into a whole JS number. */
const HASH_BITS = 26;

/**
 * Counts pages by the set of those who have them. Sets are told apart by the exclusive or of random
 * numbers of those in it, so that a step costs the same however many they are.
 */
class SharingCount {
  readonly pages: Float64Array;
  readonly sharedPages: Float64Array;
  readonly #groups = new Map<number, { whos: number[]; pages: number }>();
  readonly #random: Uint32Array;
  /** how many uses of each cover the current page */
  readonly #nrUses: Uint32Array;
  readonly #present = new Set<number>();
  #high = 0;
  #low = 0;
  /** up to the current page, those that several have */
  #sharedSoFar = 0;

  constructor(nrMembers: number) {
    this.pages = new Float64Array(nrMembers);
    this.sharedPages = new Float64Array(nrMembers);
    this.#nrUses = new Uint32Array(nrMembers);
    this.#random = getRandomValues(new Uint32Array(nrMembers * 2)).map(
      (n) => n >>> (32 - HASH_BITS),
    );
  }

  get groups(): { whos: number[]; pages: number }[] {
    return [...this.#groups.values()];
  }

  /** Adds the uses of one pages file. */
  add({ who, start, end }: Uses): void {
    const starts = sorted(start);
    const ends = sorted(end);
    let nextStart = 0;
    let position = 0;
    for (const index of ends) {
      // All that begins before the next end.
      for (; nextStart < starts.length; nextStart++) {
        const begun = starts[nextStart] ?? 0;
        if ((start[begun] ?? 0) >= (end[index] ?? 0)) break;
        position = this.#moveTo(start[begun] ?? 0, position);
        this.#begin(who[begun] ?? 0, position);
      }
      position = this.#moveTo(end[index] ?? 0, position);
      this.#end(who[index] ?? 0, position);
    }
  }

  #moveTo(page: number, position: number): number {
    if (page === position || this.#present.size < 2) return page;
    const nrPages = page - position;
    this.#sharedSoFar += nrPages;
    const key = this.#high * 2 ** HASH_BITS + this.#low;
    const group = this.#groups.get(key);
    if (group) group.pages += nrPages;
    else {
      const whos = [...this.#present].sort((a, b) => a - b);
      this.#groups.set(key, { whos, pages: nrPages });
    }
    return page;
  }

  /** What is subtracted at the beginning and added at the end leaves what is in between. */
  #begin(who: number, position: number): void {
    if (this.#change(who, 1) > 1) return;
    this.#toggle(who, -1, position);
    this.#present.add(who);
  }

  #end(who: number, position: number): void {
    if (this.#change(who, -1) > 0) return;
    this.#toggle(who, 1, position);
    this.#present.delete(who);
  }

  #change(who: number, by: number): number {
    const nrUses = (this.#nrUses[who] ?? 0) + by;
    this.#nrUses[who] = nrUses;
    return nrUses;
  }

  #toggle(who: number, sign: number, position: number): void {
    this.pages[who] = (this.pages[who] ?? 0) + sign * position;
    this.sharedPages[who] = (this.sharedPages[who] ?? 0) + sign * this.#sharedSoFar;
    this.#high ^= this.#random[2 * who] ?? 0;
    this.#low ^= this.#random[2 * who + 1] ?? 0;
  }
}

/** The order of some numbers, by index. */
function sorted(numbers: readonly number[]): Uint32Array {
  const order = Uint32Array.from(numbers, (_, index) => index);
  return order.sort((a, b) => (numbers[a] ?? 0) - (numbers[b] ?? 0));
}

function segmentSharing(
  rounds: readonly RoundMeta[],
  meta: RoundMeta,
  resolver: TreeResolver,
): SegmentSharing[] {
  const mappers = new Map<number, Set<number>>();
  for (const { member } of meta.members) {
    for (const { segment } of layoutAt(rounds, member, meta.number)) {
      if (segment === undefined || !segmentOf(meta, segment)) continue;
      const set = mappers.get(segment);
      if (set) set.add(member);
      else mappers.set(segment, new Set([member]));
    }
  }
  return meta.segments.map(({ segment, dev, inode, path, nrPages }) => {
    let storedPages = 0;
    for (const piece of resolver.segmentMap(segment, meta.number).entries()) {
      if (!piece.isZero) storedPages += piece.nrPages;
    }
    const members = [...(mappers.get(segment) ?? [])];
    return { segment, dev, inode, path, nrPages, storedPages, members };
  });
}
