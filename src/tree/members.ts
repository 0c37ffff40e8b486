import type { Progress, Sharing } from '../dump/reports.js';
import { swapHeld, type SwapResult } from '../dump/swap-new.js';
import type { TargetIdentity, VmaRecord } from '../image/index.js';
import type { Device } from '../kernel/device.js';
import { isRunning } from '../proc/ending.js';
import { readStat } from '../proc/stat.js';
import { Candidates } from './candidates.js';
import type { FrozenMembers } from './frozen-members.js';
import { Join, type JoinPhase } from './join.js';
import { Outsiders } from './outsiders.js';
import type { Selection } from './selection.js';
import { isGoneError, type TreeMember } from './tree-member.js';
import type { EndedMember, SkippedProcess } from './tree-reports.js';
import type { Unstored } from './unstored.js';

/** What tells a process from all others. */
export type ProcessIdentity = Pick<TargetIdentity, 'pid' | 'startTime'>;

/** How members are found, and what is refused. */
export interface MembersOptions {
  selection: Selection;
  allowExternalSharing: boolean;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** The members of a tree that live: who comes, who goes. */
export class Members {
  readonly #device: Device;
  readonly options: MembersOptions;
  readonly #bySession = new Map<string, TreeMember>();
  /** those that share a member's memory too */
  readonly #byPid = new Map<number, TreeMember>();
  /** members that have ended; what is known of who maps a file may name them still */
  readonly #former = new Set<number>();
  readonly #outsiders = new Outsiders((pid) => this.#byPid.has(pid) || this.#former.has(pid));
  readonly candidates: Candidates;
  /** sessions of members, of those that have ended too: their children may come later */
  readonly #sessions = new Set<string>();
  #nextNumber: number;
  /** the last round was a final one: who has no session was put back by a stop that has failed */
  wasStopped = false;
  #ended: EndedMember[] = [];
  #unstored: Unstored[] = [];
  readonly #skipped = new Map<number, SkippedProcess>();

  /** @param nextNumber that the first new member gets */
  constructor(device: Device, options: MembersOptions, nextNumber: number) {
    this.#device = device;
    this.options = options;
    this.candidates = new Candidates(options.selection);
    this.#nextNumber = nextNumber;
  }

  /** By number: a parent comes before its children. */
  get all(): TreeMember[] {
    return [...this.#bySession.values()].sort((a, b) => a.number - b.number);
  }

  /** Any one. */
  get first(): TreeMember | undefined {
    const [first] = this.#bySession.values();
    return first;
  }

  /** Who has ended and who was left out since the last call. */
  takeNews(): { ended: EndedMember[]; skipped: SkippedProcess[] } {
    const news = { ended: this.#ended, skipped: this.skipped };
    this.#ended = [];
    this.#skipped.clear();
    return news;
  }

  /** Who has ended before a round had it, since the last `unstoredAreKept`. */
  get unstored(): readonly Unstored[] {
    return this.#unstored;
  }

  /** A round says who they are. */
  unstoredAreKept(): void {
    this.#unstored = [];
  }

  takeNumber(): number {
    return this.#nextNumber++;
  }

  bySession(id: string): TreeMember | undefined {
    return this.#bySession.get(id);
  }

  byPid(pid: number): TreeMember | undefined {
    return this.#byPid.get(pid);
  }

  /** A session was, or is, a member's. */
  hasHad(sessionId: string): boolean {
    return this.#sessions.has(sessionId);
  }

  add(member: TreeMember): void {
    this.#bySession.set(member.sessionId, member);
    this.#sessions.add(member.sessionId);
    this.#setMember(member.pid, member);
  }

  /** A process runs on a member's memory. */
  addSharer(member: TreeMember, pid: number): void {
    if (!member.extraTids.includes(pid)) member.extraTids.push(pid);
    this.#setMember(pid, member);
  }

  remove(member: TreeMember): void {
    member.context.session.close();
    this.#bySession.delete(member.sessionId);
    if (this.#byPid.get(member.pid) === member) this.#setMember(member.pid, undefined);
  }

  /** A member has ended: its number is never used again. One that no round has is not missed. */
  drop(member: TreeMember): void {
    this.remove(member);
    const { number, context, sessionId, isStored } = member;
    const { pid, startTime } = context.target;
    this.#former.add(pid);
    const reason = this.noteFormer(context.target, sessionId);
    if (isStored) this.noteEnded(number, context.target, reason);
    else this.#unstored.push({ pid, startTime, sessionId });
  }

  /** A process was a member in some round. */
  addFormer(target: ProcessIdentity, sessionId: string | null): void {
    if (sessionId !== null) this.#sessions.add(sessionId);
    if (isSameProcess(target)) this.candidates.addExeced(target);
  }

  /** A process is a member no more. Its children may come later, and itself with another memory. */
  noteFormer(target: TargetIdentity, sessionId: string | null): EndedMember['reason'] {
    const reason = this.#reasonOf(target);
    if (sessionId !== null) this.#sessions.add(sessionId);
    if (reason === 'exec' || reason === 'untracked') this.candidates.addExeced(target);
    return reason;
  }

  /** For the next report. */
  noteEnded(member: number, { pid, comm }: TargetIdentity, reason: EndedMember['reason']): void {
    this.#ended.push({ member, pid, comm, reason });
  }

  /** Return: the id of its session, undefined if it has none, null if it has no memory. */
  #sessionOf(pid: number): string | undefined | null {
    try {
      return this.#device.status(pid)?.id;
    } catch (error) {
      if (isGoneError(error)) return null;
      throw error;
    }
  }

  #reasonOf(target: TargetIdentity): EndedMember['reason'] {
    if (!isSameProcess(target)) return 'exited';
    if (isZombie(target.pid)) return 'first-thread-exited';
    // A process that is exiting has no memory any more before it is a zombie.
    if (this.#sessionOf(target.pid) === null) return 'exited';
    return this.wasStopped ? 'untracked' : 'exec';
  }

  /** Who was left out since the last `takeNews`. */
  get skipped(): SkippedProcess[] {
    return [...this.#skipped.values()];
  }

  noteSkipped(skipped: SkippedProcess): void {
    this.#skipped.set(skipped.pid, skipped);
  }

  /** Drops who has exited, or called exec, and forgets who shares memory with whom. */
  refresh(): void {
    this.#skipped.clear();
    this.#outsiders.nextRound();
    for (const member of this.all) {
      for (const tid of member.extraTids.splice(0)) this.#setMember(tid, undefined);
      const isAlive =
        isSameProcess(member.context.target) && this.#sessionOf(member.pid) === member.sessionId;
      if (!isAlive) this.drop(member);
    }
  }

  /**
   * Makes members of all selected processes that are none, and holds them. Where all members stand,
   * goes on until there is nothing new.
   * @returns those that can be tracked; nothing of the others was touched
   * @throws what `Members` was told not to leave out
   */
  async join(frozen: FrozenMembers, phase: JoinPhase): Promise<TreeMember[]> {
    return new Join(this, this.#device, frozen, phase).run();
  }

  /** Stops a member that lives already; one that has ended is dropped. */
  async holdOld(member: TreeMember, frozen: FrozenMembers): Promise<void> {
    try {
      await frozen.hold(member);
    } catch (error) {
      if (!isGoneError(error) && !(await member.isGone())) throw error;
      this.drop(member);
    }
  }

  /** Swaps what can be of members that all stand. */
  async swap(
    joined: readonly TreeMember[],
    frozen: FrozenMembers,
  ): Promise<Map<TreeMember, SwapResult>> {
    const results = new Map<TreeMember, SwapResult>();
    let donePages = 0;
    for (const member of joined) {
      this.options.onProgress?.({ phase: 'swap', donePages, totalPages: 0 });
      try {
        const result = await swapHeld(member.context, frozen.of(member));
        member.swapped = result.names;
        results.set(member, result);
        donePages += result.nrPages;
      } catch (error) {
        if (!(await member.isGone())) throw error;
        this.remove(member);
      }
    }
    return results;
  }

  /** Shared mappings of a member that processes besides the members map. */
  async externalSharing(member: TreeMember, vmas: readonly VmaRecord[]): Promise<Sharing[]> {
    return this.#outsiders.sharingOf(member, vmas);
  }

  /**
   * Processes with memory of members, also of some that have ended, as it was at a fork, that nobody
   * tracks: the module knows all of them.
   * @returns their pids; one 0 for all that are being born
   */
  strays(): number[] {
    const trees = new Map(this.all.map(({ tree, context }) => [tree, context.session]));
    const strays = [...trees.values()].flatMap((session) => session.strays());
    return [...new Set(strays.filter(({ origin }) => this.hasHad(origin)).map(({ pid }) => pid))];
  }

  close(): void {
    for (const { context } of this.#bySession.values()) context.session.close();
  }

  /** Says whose memory a process has. */
  #setMember(pid: number, member: TreeMember | undefined): void {
    if (member) this.#byPid.set(pid, member);
    else this.#byPid.delete(pid);
    this.#outsiders.membersHaveChanged();
  }
}

function isZombie(pid: number): boolean {
  try {
    return ['Z', 'X'].includes(readStat(pid).state);
  } catch {
    return true;
  }
}

/** Whether the process lives; a later one with its pid has another start time. */
export function isSameProcess({ pid, startTime }: ProcessIdentity): boolean {
  try {
    const stat = readStat(pid);
    return stat.startTime === startTime && isRunning(stat);
  } catch {
    return false;
  }
}
