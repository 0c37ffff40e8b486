import { readFileSync } from 'node:fs';
import { childrenOf } from './family.js';
import { isKernelThread, readStat } from './stat.js';

/** What `/proc/PID/maps` says of memory that a tracked process, or a child of one, has. */
const pseudoFile = /\/tracker \(deleted\)$/m;

/** Processes that were adopted and are not known to be strangers. */
export interface AdoptedProcesses {
  /** with memory of a tracked process, of whatever tree */
  orphans: number[];
  /** they have no memory any more, but their children still */
  exiting: number[];
  exited: number[];
}

/**
 * Finds processes whose parents have ended before anybody has seen them. Whoever has adopted them is
 * an ancestor of the tree, or the first process; what tells them from others is that they have
 * memory of a tracked process.
 */
export class Orphans {
  readonly #proc: string;
  /** whoever may adopt an orphan */
  readonly #adopters = new Set([1]);
  readonly #walked = new Set<number>();
  /** adopted ones without memory of the tree, by pid: their start times. They never get any. */
  #strangers = new Map<number, number>();

  constructor(proc = '/proc') {
    this.#proc = proc;
  }

  /**
   * Looks at what has been adopted.
   * @param members pids of the tree
   */
  find(members: ReadonlySet<number>): AdoptedProcesses {
    for (const pid of members) this.#addAncestors(pid, members);
    const strangers = new Map<number, number>();
    const found: AdoptedProcesses = { orphans: [], exiting: [], exited: [] };
    for (const adopter of this.#adopters) {
      if (members.has(adopter)) continue;
      for (const pid of childrenOf(adopter, this.#proc)) {
        if (members.has(pid)) continue;
        const startTime = this.#startTimeOf(pid);
        if (startTime === undefined) {
          found.exited.push(pid);
          continue;
        }
        const isStranger = this.#strangers.get(pid) === startTime;
        const hasOurs = isStranger ? false : this.#hasOurs(pid);
        if (hasOurs === undefined) found.exiting.push(pid);
        else if (hasOurs) found.orphans.push(pid);
        else strangers.set(pid, startTime);
      }
    }
    this.#strangers = strangers;
    return found;
  }

  /** A process that was found belongs to another tree. */
  addStranger(pid: number, startTime: number): void {
    this.#strangers.set(pid, startTime);
  }

  /** Ancestors of today: an orphan goes to one of them, or to one of theirs. */
  #addAncestors(member: number, members: ReadonlySet<number>): void {
    for (let pid = member; pid > 1 && !this.#walked.has(pid);) {
      this.#walked.add(pid);
      if (!members.has(pid)) this.#adopters.add(pid);
      try {
        pid = readStat(pid, this.#proc).ppid;
      } catch {
        return;
      }
    }
  }

  #startTimeOf(pid: number): number | undefined {
    try {
      const { startTime, state } = readStat(pid, this.#proc);
      return state === 'Z' ? undefined : startTime;
    } catch {
      return undefined;
    }
  }

  /** Return: undefined of one that is exiting: it has no memory any more. */
  #hasOurs(pid: number): boolean | undefined {
    try {
      const maps = readFileSync(`${this.#proc}/${pid}/maps`, 'utf8');
      if (maps !== '') return pseudoFile.test(maps);
      return isKernelThread(readStat(pid, this.#proc)) ? false : undefined;
    } catch {
      return undefined;
    }
  }
}
