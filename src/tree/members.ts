import { checkUntrackable } from '../dump/check-untrackable.js';
import type { Progress, Sharing } from '../dump/reports.js';
import { refuseSharing } from '../dump/sharing.js';
import { describeVmas, fileKey } from '../dump/vma-records.js';
import { swapHeld, type SwapResult } from '../dump/swap-new.js';
import { TargetError, type TrackerError } from '../errors.js';
import type { TargetIdentity, VmaRecord } from '../image/index.js';
import { isSysV } from '../image/vma-record.js';
import type { Device } from '../kernel/device.js';
import type { Session } from '../kernel/session.js';
import { ipcNamespaceOf } from '../proc/ipc-namespace.js';
import { readStat } from '../proc/stat.js';
import { checkTrackable } from '../proc/target.js';
import type { FrozenMembers } from './frozen-members.js';
import { type Selection, selectedPids } from './selection.js';
import { isGoneError, type Lineage, TreeMember } from './tree-member.js';
import type { EndedMember, SkippedProcess } from './tree-reports.js';

/** When processes join: all members stand, but in a round. */
export type JoinPhase = 'start' | 'round' | 'final';

/** How members are found, and what is refused. */
export interface MembersOptions {
  selection: Selection;
  /** leave out what cannot be tracked, instead of failing */
  skipUntrackable: boolean;
  allowExternalSharing: boolean;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** What makes one process untrackable, and is no failure of the whole. */
const untrackable = new Set([
  'UNTRACKABLE_MEMORY',
  'NOTHING_TRACKABLE',
  'NOT_64_BIT',
  'KERNEL_THREAD',
  'FIRST_THREAD_EXITED',
  'ALREADY_TRACKED',
  'NOT_PERMITTED',
  'TRACED',
  'EXTERNAL_SHARING',
]);
/** What a process that was born a moment ago may say once, and be trackable in the next round. */
const notYet = new Set(['NOTHING_TRACKABLE', 'FREEZE_TIMEOUT']);
/** Looks for new processes while those that fork are running. */
const maxLooks = 4;
const noOrigin = /^0*$/;

/** The members of a tree that live: who comes, who goes. */
export class Members {
  readonly #device: Device;
  readonly #options: MembersOptions;
  readonly #bySession = new Map<string, TreeMember>();
  /** those that share a member's memory too */
  readonly #byPid = new Map<number, TreeMember>();
  #nextNumber: number;
  #phase: JoinPhase = 'start';
  #ended: EndedMember[] = [];
  /** by file: processes that map it, as of this round */
  readonly #sharers = new Map<string, readonly number[]>();
  /** of lists of pids, those that are no members */
  #outsidersOf = new WeakMap<readonly number[], readonly number[]>();
  readonly #skipped = new Map<number, SkippedProcess>();

  /** @param nextNumber that the first new member gets */
  constructor(device: Device, options: MembersOptions, nextNumber: number) {
    this.#device = device;
    this.#options = options;
    this.#nextNumber = nextNumber;
  }

  /** By number: a parent comes before its children. */
  get all(): TreeMember[] {
    return [...this.#bySession.values()].sort((a, b) => a.number - b.number);
  }

  /** Who has ended and who was left out since the last call. */
  takeNews(): { ended: EndedMember[]; skipped: SkippedProcess[] } {
    const news = { ended: this.#ended, skipped: [...this.#skipped.values()] };
    this.#ended = [];
    this.#skipped.clear();
    return news;
  }

  bySession(id: string): TreeMember | undefined {
    return this.#bySession.get(id);
  }

  add(member: TreeMember): void {
    this.#bySession.set(member.sessionId, member);
    this.#setMember(member.pid, member);
  }

  /** A member has ended: its number is never used again. */
  drop(member: TreeMember): void {
    this.#remove(member);
    const { pid, comm } = member.context.target;
    const reason = this.#hasMemory(member) ? 'exec' : 'exited';
    this.noteEnded({ member: member.number, pid, comm, reason });
  }

  /** A process that is exiting has no memory any more before it is a zombie. */
  #hasMemory({ pid, context }: TreeMember): boolean {
    return isSameProcess(context.target) && this.#sessionOf(pid) !== null;
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

  noteEnded(ended: EndedMember): void {
    this.#ended.push(ended);
  }

  /** Drops who has exited, or called exec, and forgets who shares memory with whom. */
  refresh(): void {
    this.#skipped.clear();
    this.#sharers.clear();
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
    this.#phase = phase;
    return this.#check(await this.#findNew(frozen));
  }

  async #findNew(frozen: FrozenMembers): Promise<TreeMember[]> {
    const joined: TreeMember[] = [];
    const seen = new Set(this.all.map(({ pid }) => pid));
    for (let look = 0; this.#phase !== 'round' || look < maxLooks; look++) {
      this.#options.signal?.throwIfAborted();
      const pids = selectedPids(this.#options.selection, [...seen].filter(isRunning));
      const fresh = pids.filter((pid) => !seen.has(pid));
      if (fresh.length === 0) break;
      for (const pid of fresh) {
        seen.add(pid);
        const member = await this.#open(pid);
        if (member && (await this.#hold(member, frozen))) joined.push(member);
      }
    }
    return joined;
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

  async #check(joined: readonly TreeMember[]): Promise<TreeMember[]> {
    const names = new Map<TreeMember, VmaRecord[]>();
    for (const member of joined) {
      const { pid, session } = member.context;
      await this.#try(member, async () => {
        const layout = await session.layout();
        // An earlier controller has swapped it, and then had no time to store it.
        const isSwapped = session.status().nrRegions > 0;
        names.set(member, await (isSwapped ? describeVmas : checkUntrackable)(pid, layout));
      });
    }
    if (this.#phase === 'start' && !this.#options.allowExternalSharing)
      await this.#refuseSharing(names);
    return joined.filter((member) => this.#bySession.has(member.sessionId));
  }

  /**
   * Judged when it is known who is left; later, those who share may be members to be. Who is refused is
   * no member to those who were judged before: they are judged again.
   */
  async #refuseSharing(names: ReadonlyMap<TreeMember, readonly VmaRecord[]>): Promise<void> {
    const left = new Map(names);
    for (let nrLeft = Infinity; left.size < nrLeft;) {
      nrLeft = left.size;
      for (const [member, vmas] of left) {
        const isLeft = await this.#try(member, async () => {
          refuseSharing(member.pid, await this.externalSharing(member, vmas));
        });
        if (!isLeft) left.delete(member);
      }
    }
  }

  /** Swaps what can be of members that all stand. */
  async swap(
    joined: readonly TreeMember[],
    frozen: FrozenMembers,
  ): Promise<Map<TreeMember, SwapResult>> {
    const results = new Map<TreeMember, SwapResult>();
    if (joined.length === 0) return results;
    this.#options.onProgress?.({ phase: 'swap', donePages: 0, totalPages: 0 });
    for (const member of joined) {
      try {
        const result = await swapHeld(member.context, frozen.of(member));
        member.swapped = result.names;
        results.set(member, result);
      } catch (error) {
        if (!(await member.isGone())) throw error;
        this.#remove(member);
      }
    }
    return results;
  }

  /** Shared mappings of a member that processes besides the members map. */
  async externalSharing(member: TreeMember, vmas: readonly VmaRecord[]): Promise<Sharing[]> {
    const { session, sharedMappings } = member.context;
    const ask = (vma: VmaRecord) => this.#sharersOf(session, vma);
    const sharing = await sharedMappings.look(session, vmas, { ask });
    return sharing
      .map((found) => ({ ...found, pids: this.#outsiders(found.pids) }))
      .filter(({ pids }) => pids.length > 0);
  }

  /**
   * Asked once in a round of each file that is new to somebody: all members may map it. Who is asked
   * is one of them, though it does not name itself; who has unmapped the file cannot say.
   */
  async #sharersOf(session: Session, vma: VmaRecord): Promise<readonly number[] | undefined> {
    // Another namespace may have other memory of the same name.
    const namespace = isSysV(vma) ? ipcNamespaceOf(session.pid) : undefined;
    const key = `${fileKey(vma)} ${namespace ?? ''}`;
    const known = this.#sharers.get(key);
    if (known) return known;
    const others = await session.sharers(vma.startPage);
    if (!others) return undefined;
    const pids = [...others, session.pid];
    this.#sharers.set(key, pids);
    return pids;
  }

  /** Those of some processes that are no members; looked for once, for lists are many members'. */
  #outsiders(pids: readonly number[]): readonly number[] {
    let outsiders = this.#outsidersOf.get(pids);
    if (!outsiders) {
      outsiders = pids.filter((pid) => !this.#byPid.has(pid));
      this.#outsidersOf.set(pids, outsiders);
    }
    return outsiders;
  }

  close(): void {
    for (const { context } of this.#bySession.values()) context.session.close();
  }

  async #open(pid: number): Promise<TreeMember | undefined> {
    // It may be a descendant of its targets.
    if (pid === process.pid) return undefined;
    try {
      const target = checkTrackable(pid);
      const session = this.#openSession(pid);
      if (!session) return undefined;
      const member = await this.#describe(target, session);
      this.add(member);
      return member;
    } catch (error) {
      this.#refuse(pid, error);
      return undefined;
    }
  }

  /** Return: nothing where it has the memory of a member. */
  #openSession(pid: number): Session | undefined {
    const [first] = this.#bySession.values();
    const tree = first && { tree: first.context.session };
    try {
      return this.#device.openSession(pid, { create: true, exclusive: true, ...tree });
    } catch (error) {
      if (!(error instanceof TargetError) || error.code !== 'ALREADY_TRACKED') throw error;
      const status = this.#device.status(pid);
      const member = this.#bySession.get(status?.id ?? '');
      // No images depend on a session of which nothing was ever committed.
      if (!member && status?.committed === 0) return this.#device.openSession(pid);
      if (!member) throw error;
      member.extraTids.push(pid);
      this.#setMember(pid, member);
      return undefined;
    }
  }

  async #describe(target: TargetIdentity, session: Session): Promise<TreeMember> {
    try {
      const { pid } = target;
      const { signal, onProgress } = this.#options;
      const parentPid = readStat(pid).ppid;
      const lineage = await this.#lineageOf(session);
      const parent = lineage ? this.#bySession.get(lineage.sessionId) : this.#byPid.get(parentPid);
      const member = this.#nextNumber++;
      const context = { pid, session, target, parentPid, member, signal, onProgress };
      return new TreeMember(context, parent?.number ?? null, lineage);
    } catch (error) {
      session.close();
      throw error;
    }
  }

  async #lineageOf(session: Session): Promise<Lineage | null> {
    const { origin } = session.status();
    const parent = this.#bySession.get(origin);
    if (!session.isNew || noOrigin.test(origin) || !parent) return null;
    try {
      const layout = await parent.context.session.layout();
      let lastRegion = 0;
      for (let i = 0; i < layout.length; i++) lastRegion = Math.max(lastRegion, layout.region(i));
      return { sessionId: origin, lastRegion };
    } catch (error) {
      if (isGoneError(error)) return null;
      throw error;
    }
  }

  async #hold(member: TreeMember, frozen: FrozenMembers): Promise<boolean> {
    return this.#try(member, () => frozen.hold(member));
  }

  /** Return: whether the member, which no round has yet, is one still. */
  async #try(member: TreeMember, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const isGone = isGoneError(error) || (await member.isGone());
      if (!isGone) this.#refuse(member.pid, error);
      this.#remove(member);
      return false;
    }
  }

  #remove(member: TreeMember): void {
    member.context.session.close();
    this.#bySession.delete(member.sessionId);
    if (this.#byPid.get(member.pid) === member) this.#setMember(member.pid, undefined);
  }

  /** Says whose memory a process has. */
  #setMember(pid: number, member: TreeMember | undefined): void {
    if (member) this.#byPid.set(pid, member);
    else this.#byPid.delete(pid);
    this.#outsidersOf = new WeakMap();
  }

  /** @throws the error, unless it is one process' own and those are to be left out */
  #refuse(pid: number, error: unknown): void {
    if (!(error instanceof TargetError)) throw error;
    const isNamed = this.#options.selection.roots.some((root) => root.pid === pid);
    const isOver = error.code === 'NO_SUCH_PROCESS' || error.code === 'ZOMBIE';
    if (isOver && (!isNamed || this.#bySession.size > 0)) return;
    const isLeftOut =
      (this.#options.skipUntrackable && untrackable.has(error.code)) ||
      (this.#phase === 'round' && notYet.has(error.code));
    if (!isLeftOut) throw error;
    this.#skipped.set(pid, skippedOf(pid, error));
  }
}

function skippedOf(pid: number, { code, message }: TrackerError): SkippedProcess {
  return { pid, code, reason: message };
}

function isRunning(pid: number): boolean {
  try {
    return !['Z', 'X'].includes(readStat(pid).state);
  } catch {
    return false;
  }
}

/** Whether the process lives; a later one with its pid has another start time. */
export function isSameProcess({ pid, startTime }: TargetIdentity): boolean {
  try {
    const stat = readStat(pid);
    return stat.startTime === startTime && !['Z', 'X'].includes(stat.state);
  } catch {
    return false;
  }
}
