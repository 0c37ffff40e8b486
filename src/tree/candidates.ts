import { TargetError } from '../errors.js';
import type { TargetIdentity } from '../image/index.js';
import { isRunning } from '../proc/ending.js';
import { childrenOf } from '../proc/family.js';
import { Orphans } from '../proc/orphans.js';
import { readStat } from '../proc/stat.js';
import { type Selection, selectedPids } from './selection.js';

/** Processes of a tree that have been looked at already, by pid: their start times. */
export type SeenProcesses = ReadonlyMap<number, number>;

/** Who may be a new member. */
export interface Candidate {
  pid: number;
  startTime: number;
  /** adopted by somebody outside of the tree: it belongs to it if its memory is a member's */
  isOrphan: boolean;
}

/** What one look at the processes has found. */
export interface Look {
  /** who runs and has not been looked at; ancestors come before their children */
  candidates: Candidate[];
  /** nobody has exited during the look, who hides others: his children, and those listed next to him */
  isSteady: boolean;
  /** a process of the tree has exited before it could be looked at */
  hasLost: boolean;
}

/** Finds who belongs to a tree by now. */
export class Candidates {
  readonly #selection: Selection;
  readonly #proc: string;
  readonly #orphans: Orphans | null;
  /** former members that have called exec. Somebody else may have adopted them. */
  readonly #execed = new Map<number, number>();
  /** listed in the last look, and exited */
  #exited = new Set<number>();

  /** @param proc where procfs is; tests have their own */
  constructor(selection: Selection, proc = '/proc') {
    this.#selection = selection;
    this.#proc = proc;
    this.#orphans = selection.isTree ? new Orphans(proc) : null;
  }

  /** A search begins: who exits now may have the pid of one that had exited in the last one. */
  begin(): void {
    this.#exited.clear();
  }

  /** A process goes on with another memory, as another member. */
  addExeced({ pid, startTime }: Pick<TargetIdentity, 'pid' | 'startTime'>): void {
    this.#execed.set(pid, startTime);
  }

  /** Those of some processes of the tree that run and have not been looked at. */
  unseen(pids: readonly number[], seen: SeenProcesses): Candidate[] {
    return pids.flatMap((pid) => {
      const startTime = startTimeOf(pid, this.#proc);
      const isNew = startTime !== undefined && seen.get(pid) !== startTime;
      return isNew ? [{ pid, startTime, isOrphan: false }] : [];
    });
  }

  /** A process with memory of a tracked one is of another tree. It is never asked about again. */
  addStranger({ pid, startTime }: Candidate): void {
    this.#orphans?.addStranger(pid, startTime);
  }

  /**
   * @param isStart nobody is tracked yet
   * @throws TargetError `NO_SUCH_CGROUP` at the start; one that is gone later has nobody
   */
  find(seen: SeenProcesses, isStart: boolean): Look {
    const isLiving = ([pid, startTime]: [number, number]) => isThere(pid, startTime, this.#proc);
    const living = new Set([...seen].filter(isLiving).map(([pid]) => pid));
    const pids = this.#selected([...living, ...this.#livingExeced()], isStart);
    const adopted = isStart ? undefined : this.#orphans?.find(new Set(pids));
    const exited = new Set(adopted?.exited);
    const candidates: Candidate[] = [];
    const add = (pid: number, isOrphan: boolean) => {
      const startTime = startTimeOf(pid, this.#proc);
      if (startTime === undefined) exited.add(pid);
      else if (seen.get(pid) !== startTime) candidates.push({ pid, startTime, isOrphan });
    };
    for (const pid of pids) if (!living.has(pid)) add(pid, false);
    for (const pid of adopted?.orphans ?? []) add(pid, true);
    const isLost = (pid: number) => exited.has(pid) && !this.#hidesNobody(pid);
    const hasLost = pids.some(isLost) || (adopted?.orphans.some(isLost) ?? false);
    const isExiting = (adopted?.exiting.length ?? 0) > 0;
    const isSteady = !isExiting && [...exited].every((pid) => this.#hidesNobody(pid));
    this.#exited = exited;
    return { candidates, isSteady, hasLost };
  }

  /** The children of a process that is held, which forks no more. */
  findChildren(pid: number, seen: SeenProcesses): Candidate[] {
    if (!this.#selection.isTree) return [];
    return this.unseen(childrenOf(pid, this.#proc), seen);
  }

  /**
   * One that exits leaves its children to another list, and one that is reaped makes the kernel skip
   * who comes after it in a list that is being read. Who had exited before the look, and is still
   * there after it, has done neither meanwhile.
   */
  #hidesNobody(exited: number): boolean {
    return this.#exited.has(exited) && isZombie(exited, this.#proc);
  }

  #livingExeced(): number[] {
    for (const [pid, startTime] of this.#execed)
      if (!isThere(pid, startTime, this.#proc)) this.#execed.delete(pid);
    return [...this.#execed.keys()];
  }

  #selected(others: readonly number[], isStart: boolean): number[] {
    const selection = this.#selection;
    try {
      return selectedPids(selection, others, this.#proc);
    } catch (error) {
      const isGone = error instanceof TargetError && error.code === 'NO_SUCH_CGROUP';
      if (isStart || !isGone) throw error;
      return selectedPids({ ...selection, cgroup: null }, others, this.#proc);
    }
  }
}

/** Return: undefined of one that has exited. */
function startTimeOf(pid: number, proc: string): number | undefined {
  try {
    const stat = readStat(pid, proc);
    return isRunning(stat) ? stat.startTime : undefined;
  } catch {
    return undefined;
  }
}

function isZombie(pid: number, proc: string): boolean {
  try {
    return ['Z', 'X'].includes(readStat(pid, proc).state);
  } catch {
    return false;
  }
}

/** Whether the process runs; a later one with its pid has another start time. */
export function isThere(pid: number, startTime: number, proc = '/proc'): boolean {
  return startTimeOf(pid, proc) === startTime;
}
