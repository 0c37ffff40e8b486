import { ImageError } from '../errors.js';
import { inheritedFrom, type MemberRecord } from './member-record.js';
import { type PageMap, PageMapBuilder } from './page-map.js';
import { nrIntervals, resolveLayers } from './resolve-layers.js';
import { memberOf, type RoundMeta, segmentOf } from './round-meta.js';
import { layersAt, layoutAt } from './rounds-of.js';
import type { VmaRecord } from './vma-record.js';

/** A member in a round. */
interface Place {
  member: number;
  round: number;
}

/**
 * Finds the newest stored content of every page of a tree's members and segments. What others
 * inherit is found once.
 */
export class TreeResolver {
  readonly #maps = new Map<string, PageMap>();
  readonly #segmentMaps = new Map<string, PageMap>();
  #limit: number | undefined;

  /** `rounds` of an ImageDirectory; index = round number */
  constructor(readonly rounds: readonly RoundMeta[]) {}

  /**
   * A member's stored pages that are in its layout, but for those that a segment has. It is empty
   * where the member does not live.
   * @throws ImageError `IMAGES_DAMAGED` where it inherits more than there is
   */
  pageMap(member: number, round: number): PageMap {
    // Generations of heirs may be too many for the call stack.
    const waiting: Place[] = [{ member, round }];
    for (let place = waiting.at(-1); place; place = waiting.at(-1)) {
      const missing = this.#sources(place).filter((source) => !this.#maps.has(keyOf(source)));
      if (missing.length > 0) {
        waiting.push(...missing);
        continue;
      }
      waiting.pop();
      if (!this.#maps.has(keyOf(place))) this.#maps.set(keyOf(place), this.#resolve(place));
    }
    return this.#maps.get(keyOf({ member, round })) ?? new PageMapBuilder().build();
  }

  /** A segment's stored pages, by the page inside the segment. */
  segmentMap(segment: number, round: number): PageMap {
    const key = `${segment} ${round}`;
    let map = this.#segmentMaps.get(key);
    if (!map) {
      map = this.#resolveSegment(segment, round);
      this.#segmentMaps.set(key, map);
    }
    return map;
  }

  #layers({ member, round }: Place): { first: number; layers: MemberRecord[] } {
    return layersAt(this.rounds, (meta) => memberOf(meta, member), round);
  }

  /** From whom a member inherits what is not void yet. */
  #sources(place: Place): Place[] {
    const { first, layers } = this.#layers(place);
    const [base] = layers;
    return base ? inheritedFrom(base).map((member) => ({ member, round: first })) : [];
  }

  #resolve(place: Place): PageMap {
    const { first, layers } = this.#layers(place);
    const builder = new PageMapBuilder();
    const clip = new LayoutClip(layoutAt(this.rounds, place.member, place.round));
    resolveLayers(layers, {
      stored: (start, end, round, filePage) => {
        clip.forEach(start, end, (page, nrPages) => {
          builder.add(page, nrPages, round, filePage < 0 ? -1 : filePage + page - start);
        });
      },
      inherited: (start, end, member, fromPage) => {
        const map = this.#maps.get(keyOf({ member, round: first }));
        clip.forEach(start, end, (page, nrPages) => {
          const from = fromPage + page - start;
          addInherited(builder, map, from, from + nrPages, page - from);
          if (builder.length > this.#nrEntriesAtMost()) throw tooMuch(place);
        });
      },
    });
    return builder.build();
  }

  #resolveSegment(segment: number, round: number): PageMap {
    const { layers } = layersAt(this.rounds, (meta) => segmentOf(meta, segment), round);
    const nrPages = layers.at(-1)?.nrPages ?? 0;
    const builder = new PageMapBuilder();
    const add = (start: number, stop: number, stored: number, filePage: number) => {
      const end = Math.min(stop, nrPages);
      if (start < end) builder.add(start, end - start, stored, filePage);
    };
    resolveLayers(layers, { stored: add, inherited: () => undefined });
    return builder.build();
  }

  /**
   * A bound that nobody reaches who inherits each page once. Without it, small images could say that
   * each generation has twice what the one before has.
   */
  #nrEntriesAtMost(): number {
    this.#limit ??= this.rounds
      .flatMap(({ members }) => members)
      .reduce((sum, record) => sum + 2 * nrIntervals(record) + (record.vmas?.length ?? 0), 0);
    return this.#limit;
  }
}

function keyOf({ member, round }: Place): string {
  return `${member} ${round}`;
}

function addInherited(
  builder: PageMapBuilder,
  map: PageMap | undefined,
  start: number,
  end: number,
  shift: number,
): void {
  for (const { page, nrPages, isZero, round, filePage } of map?.entries(start, end) ?? [])
    builder.add(page + shift, nrPages, round, isZero ? -1 : filePage);
}

function tooMuch({ member, round }: Place): ImageError {
  return new ImageError(
    'IMAGES_DAMAGED',
    `round ${round}, member ${member}: inherits more than is stored; take new images`,
    { facts: { round, member } },
  );
}

/** Cuts ranges, which come by address, to the VMAs of a layout whose content is not a segment's. */
class LayoutClip {
  readonly #vmas: readonly VmaRecord[];
  #index = 0;

  constructor(vmas: readonly VmaRecord[]) {
    this.#vmas = vmas.filter(({ segment }) => segment === undefined);
  }

  forEach(start: number, end: number, visit: (page: number, nrPages: number) => void): void {
    for (let vma = this.#vmas[this.#index]; vma && vma.startPage < end;) {
      const from = Math.max(start, vma.startPage);
      const to = Math.min(end, vma.endPage);
      if (from < to) visit(from, to - from);
      if (vma.endPage >= end) return;
      vma = this.#vmas[++this.#index];
    }
  }
}
