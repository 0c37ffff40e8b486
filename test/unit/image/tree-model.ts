import type { VmaRecord } from '../../../src/image/index.js';

/** What is stored of a page: content, and its place in the images; no place: zeros. */
export interface ModelPage {
  content: number;
  place?: string;
}

/** Pages of a member or segment. */
export class ModelPages {
  readonly pages = new Map<number, ModelPage>();

  clear(start: number, end: number): void {
    for (let page = start; page < end; page++) this.pages.delete(page);
  }

  store(stores: readonly (readonly [page: number, what: ModelPage])[]): void {
    for (const [page, what] of stores) this.pages.set(page, what);
  }
}

/** A member's memory. */
export class ModelMember extends ModelPages {
  vmas: VmaRecord[] = [];
}

/** Shared memory, by the page inside it. */
export class ModelSegment extends ModelPages {
  nrPages = 0;
}

/** What a tree means, page by page: the slow and obvious way. */
export class TreeModel {
  readonly members = new Map<number, ModelMember>();
  readonly segments = new Map<number, ModelSegment>();

  /** What is stored of a member's page, by itself; nothing where a segment is mapped, or nothing. */
  ownPage(member: number, page: number): ModelPage | undefined {
    const { vmas = [], pages } = this.members.get(member) ?? {};
    const vma = vmas.find(({ startPage, endPage }) => startPage <= page && page < endPage);
    return vma && vma.segment === undefined ? pages?.get(page) : undefined;
  }

  /** Content of every mapped page of a member. */
  memory(member: number): Map<number, number> {
    const memory = new Map<number, number>();
    for (const vma of this.members.get(member)?.vmas ?? []) {
      for (let page = vma.startPage; page < vma.endPage; page++) {
        const inSegment = vma.offset / 4096 + page - vma.startPage;
        const segment = vma.segment === undefined ? undefined : this.segments.get(vma.segment);
        const shown = segment
          ? inSegment < segment.nrPages
            ? segment.pages.get(inSegment)
            : undefined
          : this.ownPage(member, page);
        memory.set(page, shown?.content ?? 0);
      }
    }
    return memory;
  }

  /** The places that a member has pages of, segments left out. */
  places(member: number): Set<string> {
    const places = new Set<string>();
    for (const page of this.memory(member).keys()) {
      const place = this.ownPage(member, page)?.place;
      if (place !== undefined) places.add(place);
    }
    return places;
  }

  /** The places that anybody has pages of, also in a part of a segment that nobody maps. */
  allPlaces(): Set<string> {
    const places = new Set<string>();
    for (const member of this.members.keys()) {
      for (const place of this.places(member)) places.add(place);
    }
    for (const { pages, nrPages } of this.segments.values()) {
      for (const [page, { place }] of pages) {
        if (page < nrPages && place !== undefined) places.add(place);
      }
    }
    return places;
  }

  /** Pages by those who have them, as `1,2,5`; more than one. */
  groups(): Map<string, number> {
    const sharers = new Map<string, number[]>();
    for (const member of [...this.members.keys()].sort((a, b) => a - b)) {
      for (const place of this.places(member)) {
        const list = sharers.get(place);
        if (list) list.push(member);
        else sharers.set(place, [member]);
      }
    }
    const groups = new Map<string, number>();
    for (const list of sharers.values()) {
      const key = list.join(',');
      if (list.length > 1) groups.set(key, (groups.get(key) ?? 0) + 1);
    }
    return groups;
  }
}
