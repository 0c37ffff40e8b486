import { isFileBacked, type VmaRecord } from '../../image/index.js';
import { PAGE_SIZE } from '../../image/page.js';
import type { Backing } from '../family/family.js';
import { map } from '../plan/constants.js';
import { mapFlags } from '../plan/mapping-steps.js';

/** What a name of a backing stands for. */
export interface MappedKind {
  /** a mapping of that kind; of a file, any of them is right for opening it */
  vma: VmaRecord;
  /** MAP_* */
  flags: number;
}

/** Of most anonymous memory, for which the family's plan has the name ''. */
const plain = map.private | map.anonymous | map.fixedNoReplace;

/**
 * Names what private mappings show where they have no page of their own: the file, and what a mapping is
 * made with and keeps for ever, such as growing downwards. Fork keeps that too, so that no page is ever
 * shared by mappings that differ in it.
 */
export class Backings {
  readonly #kinds = new Map<string, MappedKind>();

  of(vma: VmaRecord): Backing {
    const flags = mapFlags(vma);
    const isFile = isFileBacked(vma);
    const name = isFile ? `${flags} ${vma.path}` : flags === plain ? '' : `${flags}`;
    if (!this.#kinds.has(name)) this.#kinds.set(name, { vma, flags });
    return { file: name, origin: isFile ? vma.offset / PAGE_SIZE - vma.startPage : 0 };
  }

  kindOf({ file }: Backing): MappedKind {
    const kind = this.#kinds.get(file);
    if (!kind) throw new RangeError(`no mapping of the kind ${file}`);
    return kind;
  }
}
