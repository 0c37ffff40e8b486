import type { ZombieRecord } from '../../process/identity-record.js';
import { ACTION_BYTES } from '../../process/signal-record.js';
import { prctl } from '../plan/constants.js';
import { call, cloneArgsBytes, cloneWords, type Step } from '../plan/step.js';
import type { Descent } from './sessions.js';
import { notRestorable } from './tree-error.js';
import { pidOf, type TreeMember } from './tree-input.js';
import type { TreeProcess } from './tree-process.js';

/** CLONE_VM: who ends without having done anything needs no memory of its own. */
const sameMemory = 0x100;
const sigchld = 17;
const maskBytes = 8;
const limitCore = 4;
const signalMask = 0x7f;
/** Of a limit for core dumps, what neither a file nor a program that takes them gets any. */
const noCore = 1n;

/** A member, or a child of one that ends here. */
interface Mover {
  pid: number;
  /** who makes processes for it */
  forker: number;
  processGroup: number;
  /** where it is if it is not moved */
  group: number;
  isSessionLeader: boolean;
}

/**
 * Process groups, when all are forked: their leaders first. Children that have ended are made here, too,
 * and end when they are in their groups. A leader that has ended has a helper with its number.
 * @throws ImageError `TREE_NOT_RESTORABLE`
 */
export function planGroups(descents: ReadonlyMap<TreeProcess, Descent>): Step[] {
  const movers: Mover[] = [];
  const parents: TreeMember[] = [];
  for (const [{ member }, { group }] of descents) {
    if (!member) continue;
    const { pid, processGroup, session, zombies = [] } = member.process.identity;
    movers.push({ pid, forker: pid, processGroup, group, isSessionLeader: session === pid });
    if (zombies.length > 0) parents.push(member);
    for (const zombie of zombies) movers.push(zombieMover(zombie, member, group));
  }
  const helpers = missingLeaders(movers);
  return [
    ...parents.flatMap(makeZombies),
    ...movers.filter(isLeader).flatMap(({ pid }) => move(pid, 0)),
    ...[...helpers].flatMap(([group, forker]) => makeLeader(group, forker)),
    ...movers.filter(isJoining).flatMap(({ pid, processGroup }) => move(pid, processGroup)),
    ...parents.flatMap(endZombies),
    ...[...helpers.keys()].map((process): Step => ({ op: 'end', process, status: 0 })),
  ];
}

/** Forgets what ends of children have left behind, and lets those of helpers leave nothing. */
export function ignoreChildren(): Step {
  return setChildAction(1n);
}

function isLeader({ pid, processGroup, group, isSessionLeader }: Mover): boolean {
  return processGroup === pid && group !== pid && !isSessionLeader;
}

function isJoining({ pid, processGroup, group }: Mover): boolean {
  return processGroup !== pid && processGroup !== group;
}

function move(pid: number, group: number): Step[] {
  const about = `process group ${group === 0 ? pid : group}`;
  return [{ op: 'switch', process: pid }, call('setpgid', [0, group], about)];
}

/** Groups of which nobody is there yet, with who makes them. */
function missingLeaders(movers: readonly Mover[]): Map<number, number> {
  const there = new Set(
    movers.flatMap(({ pid, processGroup, group }) =>
      processGroup === pid ? [pid, group] : [group],
    ),
  );
  const pids = new Set(movers.map(({ pid }) => pid));
  const missing = new Map<number, number>();
  for (const { pid, forker, processGroup } of movers.filter(isJoining)) {
    if (there.has(processGroup) || missing.has(processGroup)) continue;
    if (pids.has(processGroup))
      throw notRestorable(pid, `its process group ${processGroup} was left by its leader`);
    missing.set(processGroup, forker);
  }
  return missing;
}

function makeLeader(group: number, forker: number): Step[] {
  return [
    { op: 'switch', process: forker },
    forkStep(group, `leader of process group ${group}, which has ended`),
    ...move(group, 0),
  ];
}

function zombieMover(zombie: ZombieRecord, member: TreeMember, group: number): Mover {
  const { pid, processGroup, session } = zombie;
  const isSessionLeader = session === pid;
  if (!isSessionLeader && session !== member.process.identity.session)
    throw notRestorable(pid, `it has ended in session ${session}, which its parent is not in`);
  return {
    pid,
    forker: pidOf(member),
    processGroup,
    group: isSessionLeader ? pid : group,
    isSessionLeader,
  };
}

function makeZombies(member: TreeMember): Step[] {
  const { pid, zombies = [] } = member.process.identity;
  return [
    { op: 'switch', process: pid },
    setChildAction(0n),
    ...zombies.map((zombie) => forkStep(zombie.pid, `process ${zombie.pid}, which has ended`)),
    ...zombies
      .filter((zombie) => zombie.session === zombie.pid)
      .flatMap((zombie): Step[] => [
        { op: 'switch', process: zombie.pid },
        call('setsid', [], 'a session of its own'),
      ]),
  ];
}

function endZombies(member: TreeMember): Step[] {
  const { pid, zombies = [] } = member.process.identity;
  return [...zombies.flatMap(endZombie), { op: 'switch', process: pid }, ignoreChildren()];
}

function endZombie({ pid, name, status }: ZombieRecord): Step[] {
  const about = `end of process ${pid}`;
  const noCores = { words: [noCore, noCore] };
  return [
    { op: 'switch', process: pid },
    call('prctl', [prctl.setName, { text: name }, 0, 0, 0], about),
    ...((status & signalMask) === 0 ? [] : [call('prlimit64', [0, limitCore, noCores, 0], about)]),
    { op: 'end', process: pid, status },
  ];
}

function forkStep(pid: number, about: string): Step {
  const args = [{ words: cloneWords(pid, sameMemory) }, cloneArgsBytes];
  return call('clone3', args, about, { expect: pid });
}

/** @param handler SIG_DFL 0, SIG_IGN 1 */
function setChildAction(handler: bigint): Step {
  const bytes = new Uint8Array(ACTION_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, handler, true);
  return call('rt_sigaction', [sigchld, { bytes }, 0, maskBytes], 'ends of children');
}
