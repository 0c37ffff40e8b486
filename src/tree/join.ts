import { setTimeout as delay } from 'node:timers/promises';
import { checkUntrackable } from '../dump/check-untrackable.js';
import { refuseSharing } from '../dump/sharing.js';
import { describeVmas } from '../dump/vma-records.js';
import { TargetError } from '../errors.js';
import type { TargetIdentity, VmaRecord } from '../image/index.js';
import type { Device } from '../kernel/device.js';
import type { Layout } from '../kernel/layout.js';
import type { Session } from '../kernel/session.js';
import { hasEnded } from '../proc/ending.js';
import { noSuchProcess } from '../proc/read-error.js';
import { readStat } from '../proc/stat.js';
import { checkTrackable } from '../proc/target.js';
import { type Candidate, isThere } from './candidates.js';
import type { FrozenMembers } from './frozen-members.js';
import type { Members } from './members.js';
import { isGoneError, type Lineage, TreeMember } from './tree-member.js';
import { isOver, isUntrackable, withAdvice } from './untrackable.js';

/** When processes join: all members stand, but in a round. */
export type JoinPhase = 'start' | 'round' | 'final';

/** What the module says of a process that another controller is at, or has begun with a moment ago. */
const othersSession = new Set(['CONTROLLER_BUSY', 'ALREADY_TRACKED']);
/** What a process that was born a moment ago may say once, and be trackable in the next round. */
const notYet = new Set(['NOTHING_TRACKABLE', 'FREEZE_TIMEOUT']);
/** Looks for new processes while those that fork are running. */
const maxLooks = 4;
/** Looks in a row in which processes of the tree ended before they could be held. */
const maxFutileLooks = 1000;
/** Looks in a row in which others exited, and nothing said that they were of the tree. */
const maxQuietLooks = 100;
/** Between two looks, if one of the tree is being born. */
const unbornPauseMs = 5;
/** After so many of them an orphan is stopped before it is asked whose it is. */
const maxPoliteLooks = 8;
/** How often a process is asked whom another controller is at, which may only be asking, too. */
const maxAsked = 50;
const noOrigin = /^0*$/;

/** A search for processes of a tree that are no members yet. Those that it finds are held. */
export class Join {
  readonly #members: Members;
  readonly #device: Device;
  readonly #frozen: FrozenMembers;
  readonly #phase: JoinPhase;
  /** by pid, with the start time */
  readonly #seen = new Map<number, number>();
  /** processes that another controller was at: how often */
  readonly #asked = new Map<number, number>();
  /** processes of other trees that were found */
  #nrStrangers = 0;
  /** of parents, by session: nothing is swapped while processes join */
  readonly #lastRegions = new Map<string, number>();

  constructor(members: Members, device: Device, frozen: FrozenMembers, phase: JoinPhase) {
    this.#members = members;
    this.#device = device;
    this.#frozen = frozen;
    this.#phase = phase;
  }

  /**
   * Makes members of them.
   * @returns those that can be tracked; nothing of the others was touched
   */
  async run(): Promise<TreeMember[]> {
    this.#members.candidates.begin();
    for (const { pid, context } of this.#members.all) this.#seen.set(pid, context.target.startTime);
    const joined: TreeMember[] = [];
    try {
      await this.#findNew(joined);
      return await this.#check(joined);
    } catch (error) {
      // Not all of them were judged, so they are no members.
      for (const member of joined) this.#members.remove(member);
      throw error;
    }
  }

  /**
   * The module is asked first, then procfs: a stray that calls exec in between is a candidate there. It
   * gives the pids of processes that procfs hides while others exit.
   */
  async #findNew(joined: TreeMember[]): Promise<void> {
    const { candidates, options } = this.#members;
    let nrFutile = 0;
    let nrQuiet = 0;
    for (let look = 0; this.#phase !== 'round' || look < maxLooks; look++) {
      options.signal?.throwIfAborted();
      const nrJoined = joined.length;
      const { strays, isNone, hasUnborn } = this.#findStrays();
      // Ancestors come first, unless they hardly live long enough to be found.
      if (look > 0) await this.#takeAll(strays, false, joined);
      const isStart = this.#phase === 'start';
      const { candidates: found, isSteady, hasLost } = candidates.find(this.#seen, isStart);
      const nrStrangers = this.#nrStrangers;
      await this.#takeAll(found, nrFutile < maxPoliteLooks, joined);
      if (look === 0) await this.#takeAll(strays, false, joined);
      const isNobodyNew = this.#nrStrangers - nrStrangers === found.length;
      // Who was a stray may have had children before it was held.
      const isQuiet = isNobodyNew && isNone;
      if (isQuiet && (isSteady || nrQuiet >= maxQuietLooks)) break;
      nrQuiet = isQuiet && !hasLost ? nrQuiet + 1 : 0;
      nrFutile = joined.length > nrJoined ? 0 : nrFutile + 1;
      if (nrFutile > maxFutileLooks) throw tooFast([...found, ...strays]);
      // A fork takes its time, and looks alone would be over before it is.
      if (hasUnborn || this.#asked.size > 0) await delay(unbornPauseMs);
    }
  }

  /** Return: those that run; and whether there are none at all, besides those that were left out. */
  #findStrays(): { strays: Candidate[]; isNone: boolean; hasUnborn: boolean } {
    const { candidates, options } = this.#members;
    const pids = options.selection.isTree ? this.#members.strays() : [];
    const isSeen = (pid: number) => isThere(pid, this.#seen.get(pid) ?? -1);
    return {
      strays: candidates.unseen(pids, this.#seen),
      isNone: pids.every(isSeen),
      hasUnborn: pids.includes(0),
    };
  }

  async #takeAll(
    found: readonly Candidate[],
    isPolite: boolean,
    joined: TreeMember[],
  ): Promise<void> {
    for (const candidate of found) await this.#takeFamily(candidate, isPolite, joined);
  }

  /** Children are caught as soon as their parent stands, before they have many of their own. */
  async #takeFamily(first: Candidate, isPolite: boolean, joined: TreeMember[]): Promise<void> {
    const family = [first];
    for (const candidate of family) {
      const member = await this.#take(candidate, isPolite);
      if (!member) continue;
      joined.push(member);
      family.push(...this.#members.candidates.findChildren(candidate.pid, this.#seen));
    }
  }

  /** One that ends, or calls exec, before it is held is not seen: the next look tells. */
  async #take(candidate: Candidate, isPolite: boolean): Promise<TreeMember | undefined> {
    const { pid, startTime } = candidate;
    // It was found once more, as a child of one that was taken before.
    if (this.#seen.get(pid) === startTime) return undefined;
    // It may be a descendant of its targets.
    if (pid === process.pid) {
      this.#seen.set(pid, startTime);
      return undefined;
    }
    // Most of those that fork and exit all the time are gone by now: to try costs more than to look.
    if (!isThere(pid, startTime)) return undefined;
    const { onProgress } = this.#members.options;
    onProgress?.({ phase: 'freeze', donePages: 0, totalPages: 0 });
    try {
      // Who is another tree's is not stopped, if it can be told before it has ended.
      if (isPolite && this.#isStranger(candidate)) return undefined;
      if (!this.#catch(candidate)) return undefined;
      const member = await this.#open(candidate);
      return member && (await this.#hold(member)) ? member : undefined;
    } catch (error) {
      if (this.#isAsked(candidate, error)) return undefined;
      if (await this.#refuse(pid, error)) this.#seen.set(pid, startTime);
      return undefined;
    } finally {
      this.#frozen.letGo();
    }
  }

  /** Whether another controller may only be asking whose a process is: the next look tells. */
  #isAsked({ pid }: Candidate, error: unknown): boolean {
    const isOthers = error instanceof TargetError && othersSession.has(error.code);
    if (this.#phase === 'start' || !isOthers) return false;
    const nrAsked = (this.#asked.get(pid) ?? 0) + 1;
    this.#asked.set(pid, nrAsked);
    return nrAsked < (this.#phase === 'round' ? maxLooks : maxAsked);
  }

  /** Return: false of one of another tree that does not let itself be stopped: it is nothing to this one. */
  #catch(candidate: Candidate): boolean {
    try {
      this.#frozen.catch(candidate.pid);
      return true;
    } catch (error) {
      if (!this.#isStranger(candidate)) throw error;
      return false;
    }
  }

  /** Return: nothing where it is no new member. */
  async #open(candidate: Candidate): Promise<TreeMember | undefined> {
    const { pid, startTime } = candidate;
    const target = checkTrackable(pid);
    if (target.startTime !== startTime) throw noSuchProcess(`track pid ${pid}`, pid);
    // It was not asked, or has called exec since.
    if (this.#isStranger(candidate)) return undefined;
    const session = this.#openSession(pid);
    const member = session && (await this.#describe(target, session));
    this.#seen.set(pid, startTime);
    if (member) this.#members.add(member);
    return member;
  }

  /** Whether an orphan is another tree's: it is not asked again. */
  #isStranger(candidate: Candidate): boolean {
    if (!candidate.isOrphan || this.#isOurs(candidate.pid)) return false;
    this.#members.candidates.addStranger(candidate);
    this.#nrStrangers++;
    return true;
  }

  /** Whether somebody else's child was forked by a member, or is on a member's memory. */
  #isOurs(pid: number): boolean {
    const status = this.#device.status(pid);
    if (status) return this.#members.hasHad(status.origin) || this.#members.hasHad(status.id);
    const session = this.#device.openSession(pid, { create: true, exclusive: true });
    try {
      return this.#members.hasHad(session.status().origin);
    } finally {
      session.close();
    }
  }

  /** Return: nothing where it has the memory of a member. */
  #openSession(pid: number): Session | undefined {
    const { first } = this.#members;
    const tree = first && { tree: first.context.session };
    try {
      return this.#device.openSession(pid, { create: true, exclusive: true, ...tree });
    } catch (error) {
      if (!(error instanceof TargetError) || error.code !== 'ALREADY_TRACKED') throw error;
      const status = this.#device.status(pid);
      const member = this.#members.bySession(status?.id ?? '');
      // No images depend on a session of which nothing was ever committed. Of a member that has ended
      // another process may have the memory: it is a new one.
      if (!member && status && (status.committed === 0 || this.#members.hasHad(status.id)))
        return this.#device.openSession(pid);
      if (!member) throw error;
      this.#members.addSharer(member, pid);
      return undefined;
    }
  }

  async #describe(target: TargetIdentity, session: Session): Promise<TreeMember> {
    try {
      const { pid } = target;
      const { signal, onProgress } = this.#members.options;
      const parentPid = readStat(pid).ppid;
      const lineage = await this.#lineageOf(session);
      const parent = lineage
        ? this.#members.bySession(lineage.sessionId)
        : this.#members.byPid(parentPid);
      const member = this.#members.takeNumber();
      const context = { pid, session, target, parentPid, member, signal, onProgress };
      return new TreeMember(context, parent?.number ?? null, lineage);
    } catch (error) {
      session.close();
      throw error;
    }
  }

  async #lineageOf(session: Session): Promise<Lineage | null> {
    const { origin } = session.status();
    const parent = this.#members.bySession(origin);
    if (!session.isNew || noOrigin.test(origin) || !parent) return null;
    try {
      const lastRegion = this.#lastRegions.get(origin) ?? (await lastRegionOf(parent));
      this.#lastRegions.set(origin, lastRegion);
      return { sessionId: origin, lastRegion };
    } catch (error) {
      if (isGoneError(error)) return null;
      throw error;
    }
  }

  async #hold(member: TreeMember): Promise<boolean> {
    return this.#try(member, () => this.#frozen.hold(member));
  }

  async #check(joined: readonly TreeMember[]): Promise<TreeMember[]> {
    const names = new Map<TreeMember, VmaRecord[]>();
    for (const member of joined)
      await this.#try(member, async () => {
        const { pid, session } = member.context;
        const layout = await session.layout();
        // An earlier controller has swapped it, and then had no time to store it.
        const isSwapped = session.status().nrRegions > 0;
        names.set(member, await (isSwapped ? describeVmas(pid, layout) : this.#judge(pid, layout)));
      });
    if (this.#phase === 'start' && !this.#members.options.allowExternalSharing)
      await this.#refuseSharing(names);
    return joined.filter(({ sessionId }) => this.#members.bySession(sessionId));
  }

  /** In the final round it is enough that memory can be stored. */
  async #judge(pid: number, layout: Layout): Promise<VmaRecord[]> {
    try {
      return await checkUntrackable(pid, layout);
    } catch (error) {
      const isStorable = error instanceof TargetError && error.code === 'NOTHING_TRACKABLE';
      if (this.#phase !== 'final' || !isStorable) throw error;
      return describeVmas(pid, layout);
    }
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
          refuseSharing(member.pid, await this.#members.externalSharing(member, vmas));
        });
        if (!isLeft) left.delete(member);
      }
    }
  }

  /** Return: whether the member, which no round has yet, is one still. */
  async #try(member: TreeMember, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const isGone = isGoneError(error) || (await member.isGone());
      this.#members.remove(member);
      // Who has called exec, and not ended, is looked at again.
      if (isGone || !(await this.#refuse(member.pid, error))) this.#seen.delete(member.pid);
      return false;
    }
  }

  /**
   * @returns whether it is left out; else it has ended
   * @throws the error, unless it is one process' own and those are to be left out
   */
  async #refuse(pid: number, error: unknown): Promise<boolean> {
    if (!(error instanceof TargetError)) throw error;
    if (isOver(error) || (await hasEnded(pid))) return false;
    const { code, message } = error;
    const isNewborn = this.#phase === 'round' && notYet.has(code);
    const isLeftOut = this.#members.options.selection.skipUntrackable && isUntrackable(error);
    if (!isLeftOut && !isNewborn) throw isUntrackable(error) ? withAdvice(error) : error;
    this.#members.noteSkipped({ pid, code, reason: message, isNewborn });
    return true;
  }
}

async function lastRegionOf({ context }: TreeMember): Promise<number> {
  const layout = await context.session.layout();
  let lastRegion = 0;
  for (let i = 0; i < layout.length; i++) lastRegion = Math.max(lastRegion, layout.region(i));
  return lastRegion;
}

function tooFast([first]: readonly Candidate[]): TargetError {
  const pid = first?.pid ?? 0;
  return new TargetError(
    'FORKS_TOO_FAST',
    `cannot hold the tree: it forks faster than its processes can be held (the last one was pid ` +
      `${pid}); all of it runs again, try again when it does less`,
    { facts: { pid } },
  );
}
