import { KernelOrder, type KernelThing, kcmpTypes } from '../../../proc/kernel-order.js';
import type { OpenDescriptor } from './open-descriptor.js';

interface KnownFile extends KernelThing {
  id: number;
}

/** Tells which descriptors share one open file, by the kernel's word; of one process, or of several. */
export class KnownFiles {
  /** by what descriptors of one open file have in common: one of each */
  readonly #groups = new Map<string, KernelOrder<KnownFile>>();
  #next = 0;

  /** The number of a descriptor's open file; the next one if it is new. */
  idOf(descriptor: OpenDescriptor): { id: number; isNew: boolean } {
    const { link, flags, offset, pid, fd } = descriptor;
    const key = `${flags} ${offset} ${link}`;
    const group = this.#groups.get(key) ?? new KernelOrder<KnownFile>(kcmpTypes.file);
    this.#groups.set(key, group);
    const known = group.findOrAdd({ pid, index: fd, id: this.#next });
    if (known) return { id: known.id, isNew: false };
    return { id: this.#next++, isNew: true };
  }
}
