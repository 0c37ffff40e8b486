import { notRestorable } from './tree-error.js';
import { pidOf, type TreeMember } from './tree-input.js';
import type { TreeProcess } from './tree-process.js';

/** How a process comes to its session, and which process group it is in then. */
export interface Descent {
  /** what steps call it: its number; below 0 for a helper that may have any */
  name: number;
  /** setsid, right before this child is forked, or at the end of all; null: it leads none */
  setsidBefore: number | null;
  /** its group when all are forked, unless it is moved to another one */
  group: number;
}

/**
 * Who makes which session. A child has its parent's session of the moment at which it is forked: those
 * of an earlier one are forked before the parent makes its own. The session of an orphan whose leader
 * has ended is made by the helper that forks it, with the leader's number.
 * @param processes parents first
 * @throws ImageError `TREE_NOT_RESTORABLE` where that leads to another session than it was
 */
export function planSessions(processes: readonly TreeProcess[]): Map<TreeProcess, Descent> {
  return new SessionPlan(processes).run();
}

class SessionPlan {
  readonly #processes: readonly TreeProcess[];
  readonly #names = new Map<TreeProcess, number>();
  /** the session that it has to be born in; null if any will do */
  readonly #needs = new Map<TreeProcess, number | null>();
  readonly #leaders = new Set<TreeProcess>();
  readonly #births = new Map<TreeProcess, { session: number; group: number }>();

  constructor(processes: readonly TreeProcess[]) {
    this.#processes = processes;
  }

  run(): Map<TreeProcess, Descent> {
    this.#nameAll();
    for (const process of this.#processes.toReversed())
      this.#needs.set(process, this.#needOf(process));
    return new Map(this.#processes.map((process) => [process, this.#descend(process)]));
  }

  #nameAll(): void {
    const [root] = this.#processes;
    const rootSession = root?.member?.process.identity.session;
    const led = new Set<number>();
    for (const process of this.#processes) {
      const { member } = process;
      if (!member) continue;
      this.#names.set(process, pidOf(member));
      if (!isLeader(member)) continue;
      led.add(pidOf(member));
      this.#leaders.add(process);
    }
    let nrHelpers = 0;
    for (const process of this.#processes) {
      const [child] = process.children;
      if (process.member) continue;
      const session = child?.member?.process.identity.session ?? 0;
      if (led.has(session) || session === rootSession) {
        this.#names.set(process, -++nrHelpers);
        continue;
      }
      led.add(session);
      this.#names.set(process, session);
      this.#leaders.add(process);
    }
  }

  #needOf(process: TreeProcess): number | null {
    if (process.member && !this.#leaders.has(process))
      return process.member.process.identity.session;
    const own = this.#leaders.has(process) ? this.#nameOf(process) : null;
    const needs = process.children.map((child) => this.#needs.get(child) ?? null);
    return needs.find((need) => need !== null && need !== own) ?? null;
  }

  #descend(process: TreeProcess): Descent {
    const birth = this.#births.get(process) ?? this.#birthOfRoot(process);
    const name = this.#nameOf(process);
    const isLeading = this.#leaders.has(process);
    const setsidBefore = isLeading ? this.#firstInside(process) : null;
    process.children.forEach((child, i) => {
      const isInside = setsidBefore !== null && i >= setsidBefore;
      const own = isInside ? { session: name, group: name } : birth;
      const need = this.#needs.get(child) ?? null;
      if (need !== null && need !== own.session) throw wrongSession(child, need, own.session);
      this.#births.set(child, own);
    });
    return { name, setsidBefore, group: isLeading ? name : birth.group };
  }

  /** A helper leads a session for its child. */
  #firstInside(process: TreeProcess): number {
    if (!process.member) return 0;
    const name = this.#nameOf(process);
    const first = process.children.findIndex((child) => this.#needs.get(child) === name);
    return first < 0 ? process.children.length : first;
  }

  /**
   * Session and group of whoever restores, which stand for those from outside: the group is one that
   * nobody here leads.
   */
  #birthOfRoot(root: TreeProcess): { session: number; group: number } {
    const session = this.#needs.get(root) ?? 0;
    const pids = new Set(this.#names.values());
    const outsider = this.#processes.find(({ member }) => {
      const identity = member?.process.identity;
      return identity?.session === session && !pids.has(identity.processGroup);
    });
    return { session, group: outsider?.member?.process.identity.processGroup ?? 0 };
  }

  #nameOf(process: TreeProcess): number {
    return this.#names.get(process) ?? 0;
  }
}

function isLeader({ process }: TreeMember): boolean {
  const { pid, session } = process.identity;
  return session === pid;
}

function wrongSession(process: TreeProcess, need: number, found: number): Error {
  const pid = firstMember(process);
  return notRestorable(
    pid,
    `it is in session ${need}, and whoever forks it is in session ${found} by then`,
  );
}

function firstMember({ member, children }: TreeProcess): number {
  if (member) return pidOf(member);
  const [child] = children;
  return child ? firstMember(child) : 0;
}
