import { readdirSync, readlinkSync } from 'node:fs';
import { native } from '../../../native.js';
import type { OpenDescriptor } from './open-descriptor.js';

const kcmpFile = 0;

/** A descriptor of some process. */
interface Holding {
  pid: number;
  fd: number;
}

/**
 * Who has what open, on the whole machine: looked at once, when somebody first asks, for a process may
 * have hundreds of pipes, and the machine thousands of descriptors.
 */
export class Holders {
  readonly #proc: string;
  readonly #tree: ReadonlySet<number>;
  /** by the name that procfs has for it: `pipe:[123]` */
  #known: ReadonlyMap<string, readonly Holding[]> | undefined;

  /** @param tree who is dumped together: {@link outside} leaves them out */
  constructor(proc = '/proc', tree: ReadonlySet<number> = new Set()) {
    this.#proc = proc;
    this.#tree = tree;
  }

  /**
   * Other processes that have something open.
   * @param link its name, with ` (deleted)` where it has none any more
   * @param pid the one that is known to
   */
  of(link: string, pid: number): number[] {
    return [...new Set(this.#having(link, pid).map((holding) => holding.pid))];
  }

  /** The same, without those of the tree. */
  outside(link: string, pid: number): number[] {
    return this.of(link, pid).filter((other) => !this.#tree.has(other));
  }

  /** Other processes that have not only the same thing open, but by the very same open file. */
  sharing({ pid, fd, link, isDeleted }: OpenDescriptor): number[] {
    const shown = isDeleted ? `${link} (deleted)` : link;
    const same = this.#having(shown, pid).filter((other) => isOneFile({ pid, fd }, other));
    return [...new Set(same.map((holding) => holding.pid))];
  }

  /** The same, without those of the tree. */
  sharingOutside(descriptor: OpenDescriptor): number[] {
    return this.sharing(descriptor).filter((pid) => !this.#tree.has(pid));
  }

  #having(link: string, pid: number): Holding[] {
    this.#known ??= lookAround(this.#proc);
    return (this.#known.get(link) ?? []).filter((holding) => holding.pid !== pid);
  }
}

function lookAround(proc: string): Map<string, Holding[]> {
  const known = new Map<string, Holding[]>();
  for (const pid of numbersIn(proc))
    for (const fd of numbersIn(`${proc}/${pid}/fd`)) {
      const link = linkOf(`${proc}/${pid}/fd/${fd}`);
      if (link === undefined) continue;
      const holdings = known.get(link);
      if (holdings) holdings.push({ pid, fd });
      else known.set(link, [{ pid, fd }]);
    }
  return known;
}

/** Processes come and go while they are looked at. */
function numbersIn(directory: string): number[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function isOneFile(own: Holding, other: Holding): boolean {
  try {
    return native.kcmp(own.pid, other.pid, kcmpFile, own.fd, other.fd) === 0;
  } catch {
    // It has gone, or closed it, meanwhile.
    return false;
  }
}
