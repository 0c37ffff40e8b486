import type { LayerWriter } from './layer-writer.js';
import type { PageMap } from './page-map.js';
import { sweep } from './resolve-layers.js';
import type { RoundMeta } from './round-meta.js';
import type { RoundWriter } from './round-writer.js';
import { TreeResolver } from './tree-resolver.js';

/** A member or segment that pages are of. */
export interface Owner {
  noun: 'member' | 'segment';
  number: number;
}

/** Pages to be copied, for the first one who has them. */
export interface CopiedPages {
  owner: Owner;
  page: number;
  nrPages: number;
  /** where they are now */
  round: number;
  filePage: number;
}

/** Pages as their owner has them. */
export type Use = CopiedPages;

/** What a squash does: each stored page is copied once, for whoever comes first. */
export interface SquashPlan {
  owners: readonly Owner[];
  /** by owner */
  copies: readonly CopiedPages[];
  /** by owner: everybody's pages, of which some are copied and the others are refs to copies */
  uses: readonly Use[];
  zeros: readonly { owner: Owner; page: number; nrPages: number }[];
  /** to be copied */
  nrPages: number;
}

/** Plans a full round of all who live in the last round. O(n log n) in stored extents. */
export function planSquash(rounds: readonly RoundMeta[]): SquashPlan {
  const resolver = new TreeResolver(rounds);
  const last = rounds.at(-1);
  const owners: Owner[] = [
    ...(last?.segments ?? []).map(({ segment }) => ({ noun: 'segment' as const, number: segment })),
    ...(last?.members ?? []).map(({ member }) => ({ noun: 'member' as const, number: member })),
  ];
  const uses: Use[] = [];
  const zeros: SquashPlan['zeros'][number][] = [];
  for (const owner of owners) {
    for (const { isZero, ...piece } of mapOf(resolver, owner, rounds.length - 1).entries()) {
      if (isZero) zeros.push({ owner, page: piece.page, nrPages: piece.nrPages });
      else uses.push({ owner, ...piece });
    }
  }
  const copies = firstUses(uses);
  const nrPages = copies.reduce((sum, copy) => sum + copy.nrPages, 0);
  return { owners, copies, uses, zeros, nrPages };
}

/** Where an owner's pages of the new round go. */
export function writerOf(writer: RoundWriter, { noun, number }: Owner): LayerWriter {
  return noun === 'member' ? writer.member(number) : writer.segment(number);
}

function mapOf(resolver: TreeResolver, { noun, number }: Owner, round: number): PageMap {
  return noun === 'member' ? resolver.pageMap(number, round) : resolver.segmentMap(number, round);
}

/** The parts of uses whose pages no earlier use has, in the order of the uses. */
function firstUses(uses: readonly Use[]): CopiedPages[] {
  const byRound = new Map<number, number[]>();
  uses.forEach(({ round }, index) => {
    const list = byRound.get(round);
    if (list) list.push(index);
    else byRound.set(round, [index]);
  });
  const parts: { index: number; copy: CopiedPages }[] = [];
  for (const indexes of byRound.values()) {
    // A sweep lets the last one win.
    const order = indexes.reverse();
    const at = (i: number) => uses[order[i] ?? 0];
    const { length } = order;
    const start = Float64Array.from({ length }, (_, i) => at(i)?.filePage ?? 0);
    const end = start.map((filePage, i) => filePage + (at(i)?.nrPages ?? 0));
    sweep({ length, start, end }, (from, to, i) => {
      const use = at(i);
      if (!use) return;
      const page = use.page + from - use.filePage;
      parts.push({
        index: order[i] ?? 0,
        copy: { ...use, page, nrPages: to - from, filePage: from },
      });
    });
  }
  parts.sort((a, b) => a.index - b.index || a.copy.page - b.copy.page);
  return parts.map(({ copy }) => copy);
}
