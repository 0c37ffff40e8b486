import type { ProcStat } from '../../proc/stat.js';

type Process = Pick<ProcStat, 'pid' | 'ppid' | 'session'>;

/**
 * Processes that would be in another session when they are forked again, each by its parent: a child gets
 * the session that its parent is in, or was in before it made one of its own.
 * @param members the root first, parents before their children, older siblings before younger ones
 * @param zombies children of theirs that have ended
 */
export function refusedSessions(
  members: readonly Process[],
  zombies: readonly Process[],
): string[] {
  const plan = new SessionPlan(members);
  return [...plan.refusals(), ...zombies.flatMap((zombie) => plan.refusalOfZombie(zombie))];
}

class SessionPlan {
  readonly #members: readonly Process[];
  readonly #byPid: ReadonlyMap<number, Process>;
  readonly #children = new Map<number, Process[]>();
  /** the session that a process has to be born in; none if any will do */
  readonly #needs = new Map<number, number | undefined>();

  constructor(members: readonly Process[]) {
    this.#members = members;
    this.#byPid = new Map(members.map((member) => [member.pid, member]));
    for (const member of members.slice(1)) {
      const siblings = this.#children.get(member.ppid);
      if (siblings) siblings.push(member);
      else this.#children.set(member.ppid, [member]);
    }
    for (const member of members.toReversed()) this.#needs.set(member.pid, this.#needOf(member));
  }

  refusals(): string[] {
    const [root] = this.#members;
    if (!root) return [];
    const births = new Map([[root.pid, this.#needs.get(root.pid)]]);
    return this.#members.flatMap((member) => this.#descend(member, births));
  }

  refusalOfZombie({ pid, ppid, session }: Process): string[] {
    const found = this.#byPid.get(ppid)?.session;
    return session === pid || session === found ? [] : [refusal(pid, session, ppid)];
  }

  #needOf({ pid, session }: Process): number | undefined {
    if (session !== pid) return session;
    const needs = this.#childrenOf(pid).map((child) => this.#needs.get(child.pid));
    return needs.find((need) => need !== undefined && need !== pid);
  }

  /** @param births sessions that processes are born in: those of its children are added */
  #descend({ pid, session }: Process, births: Map<number, number | undefined>): string[] {
    let isInside = false;
    return this.#childrenOf(pid).flatMap((child) => {
      const need = this.#needs.get(child.pid);
      // From the first one on that is in its session, all others are born there.
      isInside ||= session === pid && need === pid;
      const found = isInside ? pid : births.get(pid);
      births.set(child.pid, found);
      return need === undefined || need === found ? [] : [refusal(child.pid, need, pid)];
    });
  }

  #childrenOf(pid: number): readonly Process[] {
    return this.#children.get(pid) ?? [];
  }
}

function refusal(pid: number, session: number, ppid: number): string {
  return `session ${session} of pid ${pid}, which its parent, pid ${ppid}, is not in`;
}
