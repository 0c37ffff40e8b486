import type { FileContext } from './file-handler.js';
import { Holders } from './holders.js';
import { KnownFiles } from './known-files.js';
import type { OpenDescriptor } from './open-descriptor.js';

/** An open file, and which members have it; with a number where those are several. */
interface KnownFile {
  pids: ReadonlySet<number>;
  number: number | undefined;
}

type Named = Pick<OpenDescriptor, 'pid' | 'fd'>;

/** The descriptors of processes that are dumped together, and which of them share open files. */
export class TreeFiles {
  readonly pids: ReadonlySet<number>;
  readonly holders: Holders;
  /** by the name that procfs has for it, those of all members, in order, but what is handed in */
  readonly #byLink = new Map<string, OpenDescriptor[]>();
  readonly #files = new Map<string, KnownFile>();
  readonly #mapped: ReadonlySet<number>;
  readonly #external = new Map<number, Set<number>>();

  /**
   * @param members the descriptors of each, by pid; the first one's is the tree's root
   * @param external descriptors of the root that the one who restores is going to hand in: who has them
   *   by fork has them from there as well
   * @param mapped inodes of memfds that any member maps
   */
  constructor(
    members: ReadonlyMap<number, readonly OpenDescriptor[]>,
    external: ReadonlySet<number>,
    mapped: ReadonlySet<number>,
  ) {
    this.#mapped = mapped;
    this.pids = new Set(members.keys());
    this.holders = new Holders('/proc', this.pids);
    const [root] = members.keys();
    const known = new KnownFiles();
    const byFile = new Map<number, OpenDescriptor[]>();
    for (const descriptors of members.values())
      for (const descriptor of descriptors) append(byFile, known.idOf(descriptor).id, descriptor);
    let nrShared = 0;
    for (const descriptors of byFile.values()) {
      const pids = new Set(descriptors.map(({ pid }) => pid));
      const file = { pids, number: pids.size > 1 ? nrShared++ : undefined };
      for (const descriptor of descriptors) this.#files.set(keyOf(descriptor), file);
      if (descriptors.some(({ pid, fd }) => pid === root && external.has(fd)))
        this.#addExternal(descriptors);
    }
    for (const descriptors of members.values())
      for (const descriptor of descriptors)
        if (!this.externalOf(descriptor.pid).has(descriptor.fd))
          append(this.#byLink, descriptor.link, descriptor);
  }

  /** Descriptors of a member that the one who restores is going to hand in. */
  externalOf(pid: number): ReadonlySet<number> {
    return this.#external.get(pid) ?? new Set();
  }

  /** Those of all members that go by one name. */
  named(link: string): readonly OpenDescriptor[] {
    return this.#byLink.get(link) ?? [];
  }

  /** The number of an open file that other members have too. */
  sharedNumber(descriptor: Named): number | undefined {
    return this.#files.get(keyOf(descriptor))?.number;
  }

  /** The other members that have a descriptor's very open file. */
  sharersOf(descriptor: Named): number[] {
    const pids = this.#files.get(keyOf(descriptor))?.pids ?? [];
    return [...pids].filter((pid) => pid !== descriptor.pid);
  }

  /** Whether two descriptors have one open file. */
  isOneFile(one: Named, other: Named): boolean {
    return this.#files.get(keyOf(one)) === this.#files.get(keyOf(other));
  }

  /** Whether any member maps a memfd. */
  hasMapped({ stat }: OpenDescriptor): boolean {
    return this.#mapped.has(stat.ino);
  }

  #addExternal(descriptors: readonly Named[]): void {
    for (const { pid, fd } of descriptors) {
      const fds = this.#external.get(pid) ?? new Set();
      this.#external.set(pid, fds.add(fd));
    }
  }
}

/** What a process, or any member of its tree, has by a descriptor's name; that one among them. */
export function alike(
  { link }: OpenDescriptor,
  { descriptors, tree }: FileContext,
): readonly OpenDescriptor[] {
  return tree?.named(link) ?? descriptors.filter((other) => other.link === link);
}

function keyOf({ pid, fd }: Named): string {
  return `${pid} ${fd}`;
}

function append<K>(map: Map<K, OpenDescriptor[]>, key: K, descriptor: OpenDescriptor): void {
  const list = map.get(key);
  if (list) list.push(descriptor);
  else map.set(key, [descriptor]);
}
