import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
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
 * an ancestor of the tree, or the first process, also of another pid namespace; what tells them from others is that they have
 * memory of a tracked process.
 */
export class Orphans {
  readonly #proc: string;
  /** whoever may adopt an orphan */
  readonly #adopters = new Set([1]);
  readonly #walked = new Set<number>();
  /** pid namespaces whose first process is known, or gone */
  readonly #namespaces = new Set<string>();
  /** adopted ones without memory of the tree, by pid: their start times. They never get any. */
  #strangers = new Map<number, number>();

  constructor(proc = '/proc') {
    this.#proc = proc;
    this.#namespaces.add(this.#namespaceOf('self') ?? '');
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
      if (members.has(pid)) this.#addInit(pid);
      else this.#adopters.add(pid);
      try {
        pid = readStat(pid, this.#proc).ppid;
      } catch {
        return;
      }
    }
  }

  /** That of a process which has come into its namespace from outside is no ancestor of it. */
  #addInit(member: number): void {
    const namespace = this.#namespaceOf(member);
    if (namespace === undefined || this.#namespaces.has(namespace)) return;
    this.#namespaces.add(namespace);
    const isInit = (pid: number) => this.#isFirst(pid) && this.#namespaceOf(pid) === namespace;
    const init = readdirSync(this.#proc).map(Number).filter(Number.isInteger).find(isInit);
    if (init !== undefined) this.#adopters.add(init);
  }

  #namespaceOf(pid: number | 'self'): string | undefined {
    try {
      return readlinkSync(`${this.#proc}/${pid}/ns/pid`);
    } catch {
      return undefined;
    }
  }

  /** Whether a process is the first one of its pid namespace. */
  #isFirst(pid: number): boolean {
    try {
      return /^NSpid:.*\t1$/m.test(readFileSync(`${this.#proc}/${pid}/status`, 'utf8'));
    } catch {
      return false;
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
