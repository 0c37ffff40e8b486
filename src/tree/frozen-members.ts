import { busyTid } from '../dump/swap-new.js';
import { TargetError } from '../errors.js';
import { Frozen } from '../proc/freeze.js';
import type { TreeMember } from './tree-member.js';

/** Processes that share a member's memory are found one by one. */
const maxSharers = 64;
/** Of a process that cannot be held it is said later why it cannot be tracked. */
const notHeld = new Set(['TRACED', 'NOT_PERMITTED']);

/** Members that stand, each held by a thread of its own, until all of them are let go together. */
export class FrozenMembers implements Disposable {
  readonly #held = new Map<TreeMember, Frozen>();
  #caught: Frozen | undefined;
  #startMs: number | undefined;
  #endMs: number | undefined;

  /**
   * Stops a process before anything else is known of it: who runs may end, or fork, until it is
   * known. Then comes `hold`, or `letGo`.
   * @throws TargetError `NO_SUCH_PROCESS`, `FREEZE_TIMEOUT`
   */
  catch(pid: number): void {
    this.#startMs ??= performance.now();
    try {
      this.#caught = new Frozen(pid);
    } catch (error) {
      if (!(error instanceof TargetError) || !notHeld.has(error.code)) throw error;
    }
  }

  /** Lets go who was caught and is not held. */
  letGo(): void {
    this.#caught?.thaw();
    this.#caught = undefined;
  }

  /**
   * Stops a member, and whatever else runs on its memory.
   * @throws TargetError as `Frozen` does
   */
  async hold(member: TreeMember): Promise<void> {
    const { pid, session } = member.context;
    this.#startMs ??= performance.now();
    for (;;) {
      const frozen = this.#takeCaught(pid) ?? new Frozen(pid, { extraTids: member.extraTids });
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

  #takeCaught(pid: number): Frozen | undefined {
    const caught = this.#caught;
    if (caught?.pid !== pid) return undefined;
    this.#caught = undefined;
    return caught;
  }

  /** The freeze of a member that stands. */
  of(member: TreeMember): Frozen {
    const frozen = this.#held.get(member);
    if (!frozen) throw new Error(`pid ${member.pid} does not stand`);
    return frozen;
  }

  /** How long a member has stood, or stood; 0 if it did not. */
  freezeMs(member: TreeMember): number {
    return this.#held.get(member)?.freezeMs ?? 0;
  }

  /** From when the first one was stopped until all were let go, or until now. */
  get totalMs(): number {
    return this.#startMs === undefined ? 0 : (this.#endMs ?? performance.now()) - this.#startMs;
  }

  /** Lets all of them go. Never throws; a second call does nothing. */
  thaw(): void {
    this.letGo();
    for (const frozen of this.#held.values()) frozen.thaw();
    this.#endMs ??= performance.now();
  }

  [Symbol.dispose](): void {
    this.thaw();
  }
}
