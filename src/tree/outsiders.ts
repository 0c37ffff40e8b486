import { fileKey } from '../dump/vma-records.js';
import type { Sharing } from '../dump/reports.js';
import type { VmaRecord } from '../image/index.js';
import { isSysV } from '../image/vma-record.js';
import type { Session } from '../kernel/session.js';
import { ipcNamespaceOf } from '../proc/ipc-namespace.js';
import type { TreeMember } from './tree-member.js';

/** Processes besides the members that map their shared memory. */
export class Outsiders {
  readonly #isMember: (pid: number) => boolean;
  /** by file: processes that map it, as of this round */
  readonly #sharers = new Map<string, readonly number[]>();
  /** of lists of pids, those that are no members */
  #outsidersOf = new WeakMap<readonly number[], readonly number[]>();

  constructor(isMember: (pid: number) => boolean) {
    this.#isMember = isMember;
  }

  /** Shared mappings of a member that others map, too. */
  async sharingOf(member: TreeMember, vmas: readonly VmaRecord[]): Promise<Sharing[]> {
    const { session, sharedMappings } = member.context;
    const ask = (vma: VmaRecord) => this.#sharersOf(session, vma);
    const sharing = await sharedMappings.look(session, vmas, { ask });
    return sharing
      .map((found) => ({ ...found, pids: this.#outsiders(found.pids) }))
      .filter(({ pids }) => pids.length > 0);
  }

  /** A round begins: files that are new to somebody are asked about again. */
  nextRound(): void {
    this.#sharers.clear();
  }

  /** There are other members than before. */
  membersHaveChanged(): void {
    this.#outsidersOf = new WeakMap();
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
      outsiders = pids.filter((pid) => !this.#isMember(pid));
      this.#outsidersOf.set(pids, outsiders);
    }
    return outsiders;
  }
}
