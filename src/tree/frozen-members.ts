import { busyTid } from '../dump/swap-new.js';
import { Frozen } from '../proc/freeze.js';
import type { TreeMember } from './tree-member.js';

/** Processes that share a member's memory are found one by one. */
const maxSharers = 64;

/** Members that stand, each held by a thread of its own, until all of them are let go together. */
export class FrozenMembers implements Disposable {
  readonly #held = new Map<TreeMember, Frozen>();
  #startMs: number | undefined;

  /**
   * Stops a member, and whatever else runs on its memory.
   * @throws TargetError as `Frozen` does
   */
  async hold(member: TreeMember): Promise<void> {
    const { pid, session } = member.context;
    this.#startMs ??= performance.now();
    for (;;) {
      const frozen = new Frozen(pid, { extraTids: member.extraTids });
      try {
        // An empty swap: the module checks that nothing runs on this memory any more.
        await session.swap(new Float64Array(0), frozen);
        this.#held.set(member, frozen);
        return;
      } catch (error) {
        frozen.thaw();
        const tid = busyTid(error);
        const { extraTids } = member;
        if (tid === undefined || extraTids.includes(tid) || extraTids.length >= maxSharers)
          throw error;
        extraTids.push(tid);
      }
    }
  }

  /** The freeze of a member that stands. */
  of(member: TreeMember): Frozen {
    const frozen = this.#held.get(member);
    if (!frozen) throw new Error(`pid ${member.pid} does not stand`);
    return frozen;
  }

  has(member: TreeMember): boolean {
    return this.#held.has(member);
  }

  /** How long a member has stood, or stood; 0 if it did not. */
  freezeMs(member: TreeMember): number {
    return this.#held.get(member)?.freezeMs ?? 0;
  }

  /** Since the first one was stopped. */
  get totalMs(): number {
    return this.#startMs === undefined ? 0 : performance.now() - this.#startMs;
  }

  /** Lets all of them go. Never throws; a second call does nothing. */
  thaw(): void {
    for (const frozen of this.#held.values()) frozen.thaw();
  }

  [Symbol.dispose](): void {
    this.thaw();
  }
}
