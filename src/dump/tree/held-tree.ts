import { TargetError } from '../../errors.js';
import type { TargetIdentity } from '../../image/index.js';
import { hasEnded, isRunning } from '../../proc/ending.js';
import { childrenOf } from '../../proc/family.js';
import { Frozen } from '../../proc/freeze.js';
import { killProcess } from '../../proc/kill-process.js';
import { readStat } from '../../proc/stat.js';
import { checkTrackable } from '../../proc/target.js';
import { ObservedWaits } from '../process/observe-waits.js';

/** A process of a tree that stands. */
export interface HeldMember {
  pid: number;
  /** its number in the images */
  member: number;
  /** that of the process whose child it is; null of the root */
  parent: number | null;
  parentPid: number;
  target: TargetIdentity;
  frozen: Frozen;
  waits: ObservedWaits;
  /** children that have ended and wait to be collected */
  zombies: readonly number[];
}

type Caught = Pick<HeldMember, 'target' | 'frozen' | 'waits'>;

/** As `/proc/PID/stat` has it: in a stop by ptrace, or by SIGSTOP besides. */
const standing = new Set(['t', 'T']);

/** Looks at the whole tree, each of which has found somebody new. */
const maxLooks = 1000;

/**
 * A process and all that descend from it, which stand together: nobody is born, and nobody sees another
 * one's end.
 */
export class HeldTree implements Disposable {
  readonly #root: number;
  readonly #caught = new Map<number, Caught>();
  /** had ended when they were looked at: their start times. A pid may be used again. */
  readonly #ended = new Map<number, number>();
  readonly #startMs = performance.now();
  #endMs: number | undefined;
  /** parents before their children, older siblings before younger ones */
  members: readonly HeldMember[] = [];

  private constructor(root: number) {
    this.#root = root;
  }

  /**
   * Stops a tree. On an error nobody is held.
   * @throws TargetError as `Frozen` and `checkTrackable` do, and `FORKS_TOO_FAST`
   */
  static async freeze(root: number, signal?: AbortSignal): Promise<HeldTree> {
    const tree = new HeldTree(root);
    try {
      for (let look = 0; await tree.#look(); look++) {
        signal?.throwIfAborted();
        if (look >= maxLooks) throw tooFast(root);
      }
      tree.members = tree.#number();
      return tree;
    } catch (error) {
      tree.thaw();
      throw error;
    }
  }

  /** How long the first one has stood, or stood. */
  get freezeMs(): number {
    return (this.#endMs ?? performance.now()) - this.#startMs;
  }

  /**
   * Nobody has been killed, or let go, meanwhile.
   * @throws TargetError `NO_SUCH_PROCESS`
   */
  assertStanding(): void {
    for (const { pid, target } of this.members) {
      const { startTime, state } = readStat(pid);
      if (startTime === target.startTime && standing.has(state)) continue;
      throw new TargetError(
        'NO_SUCH_PROCESS',
        `cannot dump pid ${this.#root} with its tree: pid ${pid} was ended while it stood`,
        { facts: { pid } },
      );
    }
  }

  /** Ends all of them. They stand, so that nobody has the time to react. */
  kill(): void {
    for (const { pid } of this.members) killProcess(pid);
  }

  /** Lets all of them go. Never throws; a second call does nothing. */
  thaw(): void {
    for (const { frozen } of this.#caught.values()) frozen.thaw();
    this.#endMs ??= performance.now();
  }

  [Symbol.dispose](): void {
    this.thaw();
  }

  /**
   * Stops who runs yet, parents first: children are caught as soon as theirs stands.
   * @returns whether the tree may have changed meanwhile. Where somebody has ended, others may have got
   *   his children, or procfs has left out who is behind him
   */
  async #look(): Promise<boolean> {
    let hasChanged = false;
    const pids = new Set([this.#root]);
    // A set is walked in the order of insertion, through what is added meanwhile too.
    for (const pid of pids) {
      if (!this.#caught.has(pid) && !this.#isKnownToHaveEnded(pid)) {
        await this.#catch(pid);
        hasChanged = true;
      }
      for (const child of childrenOf(pid)) pids.add(child);
    }
    return hasChanged;
  }

  async #catch(pid: number): Promise<void> {
    if (pid === process.pid) throw ownTree(this.#root);
    let frozen: Frozen | undefined;
    try {
      // One whose first thread has exited while others run is refused below.
      const stat = readStat(pid);
      if (!isRunning(stat) && pid !== this.#root) {
        this.#ended.set(pid, stat.startTime);
        return;
      }
      const waits = new ObservedWaits(pid);
      checkTrackable(pid);
      frozen = new Frozen(pid);
      waits.settle();
      this.#caught.set(pid, { target: checkTrackable(pid), frozen, waits });
    } catch (error) {
      frozen?.thaw();
      // It has ended, or is about to: the next look tells.
      if (pid === this.#root || !(await hasEnded(pid))) throw error;
    }
  }

  #isKnownToHaveEnded(pid: number): boolean {
    const startTime = this.#ended.get(pid);
    return startTime !== undefined && isZombie(pid, startTime);
  }

  #number(): HeldMember[] {
    const members: HeldMember[] = [];
    const parents = new Map<number, number | null>([[this.#root, null]]);
    for (const [pid, parent] of parents) {
      const caught = this.#caught.get(pid);
      if (!caught) throw new Error(`pid ${pid} does not stand`);
      const member = members.length;
      const children = childrenOf(pid);
      // Those that were born within one tick of the clock come in order.
      const held = children
        .filter((child) => this.#caught.has(child))
        .sort((a, b) => this.#startTimeOf(a) - this.#startTimeOf(b));
      for (const child of held) parents.set(child, member);
      const zombies = children.filter((child) => !this.#caught.has(child));
      const parentPid = readStat(pid).ppid;
      members.push({ ...caught, pid, member, parent, parentPid, zombies });
    }
    return members;
  }

  #startTimeOf(pid: number): number {
    return this.#caught.get(pid)?.target.startTime ?? 0;
  }
}

function isZombie(pid: number, startTime: number): boolean {
  try {
    const stat = readStat(pid);
    return stat.startTime === startTime && !isRunning(stat);
  } catch {
    return false;
  }
}

function ownTree(root: number): TargetError {
  return new TargetError(
    'OWN_PROCESS',
    `cannot dump pid ${root} with its tree: tracker itself is one of it; run it from elsewhere`,
    { facts: { pid: root } },
  );
}

function tooFast(root: number): TargetError {
  return new TargetError(
    'FORKS_TOO_FAST',
    `cannot dump pid ${root} with its tree: it forks faster than its processes can be held; all of ` +
      'it runs again, try again when it does less',
    { facts: { pid: root } },
  );
}
