import { MostlyUnwritten } from '../dump/mostly-unwritten.js';
import { PinnedRanges } from '../dump/pinned-ranges.js';
import type { RoundState, TargetContext } from '../dump/round.js';
import { SharedMappings } from '../dump/sharing.js';
import { TargetError } from '../errors.js';
import type { VmaRecord } from '../image/index.js';
import { hasEnded } from '../proc/ending.js';

/** Whose forked child a member was when its session began. */
export interface Lineage {
  /** of the parent */
  sessionId: string;
  /** the parent's last region then: later ones have the same numbers and are others */
  lastRegion: number;
}

/** What is new about a member of a tree. */
export type NewMember = Omit<TargetContext, 'pinned' | 'unwritten' | 'sharedMappings'>;

/** A target of a tree, from its first round to its end. */
export class TreeMember {
  readonly context: TargetContext;
  /** id of its session */
  readonly sessionId: string;
  /** the module's number of the tree that its session is in */
  readonly tree: number;
  /** what the next round builds on; null: a full round */
  previous: (Partial<RoundState> & { vmas: readonly VmaRecord[] }) | null = null;
  /** an older layout with names of mappings, where there is no round before */
  names: readonly VmaRecord[] = [];
  /** names that mappings had before the swaps that no round has recorded yet */
  swapped: readonly VmaRecord[] = [];
  /** other processes, or threads, that run on its memory */
  readonly extraTids: number[] = [];
  /** of its first record in the images; undefined as long as there is none */
  firstRound: number | undefined;

  constructor(
    member: NewMember,
    /** number of the member whose child it is */
    readonly parent: number | null,
    readonly lineage: Lineage | null,
  ) {
    this.context = {
      ...member,
      pinned: new PinnedRanges(),
      unwritten: new MostlyUnwritten(),
      sharedMappings: new SharedMappings(),
    };
    ({ id: this.sessionId, tree: this.tree } = member.session.status());
  }

  get number(): number {
    return this.context.member;
  }

  /** A round has a record of it. */
  get isStored(): boolean {
    return this.firstRound !== undefined;
  }

  get pid(): number {
    return this.context.pid;
  }

  /**
   * Whether its memory is there no more: it has exited, or called exec. Waits for the end of one that
   * is being killed.
   */
  async isGone(): Promise<boolean> {
    return !(await this.#hasMemory()) || ((await hasEnded(this.pid)) && !(await this.#hasMemory()));
  }

  async #hasMemory(): Promise<boolean> {
    try {
      await this.context.session.layout();
      return true;
    } catch (error) {
      return !isGoneError(error);
    }
  }
}

/** Whether an error says that there is no such process, or not any more. */
export function isGoneError(error: unknown): boolean {
  return error instanceof TargetError && error.code === 'NO_SUCH_PROCESS';
}
