import { PAGE_SIZE } from '../../image/page.js';
import { planFamily } from '../family/plan-family.js';
import { AddressSpace, type AddressRange } from '../plan/address-space.js';
import { areaBytes } from '../plan/plan-restore.js';
import { kernelMappingsOf, planProgram } from '../plan/plan-program.js';
import { call, cloneArgsBytes, cloneWords, type KernelMapping, type Step } from '../plan/step.js';
import { Backings } from './backings.js';
import { planCommonFiles } from './common-files.js';
import { ContentNumbers } from './content-numbers.js';
import { familyOf } from './family-of.js';
import { ignoreChildren, planGroups } from './plan-groups.js';
import { CommonPlan } from './plan-common.js';
import { planMember } from './plan-member.js';
import { planMemory, type PlannedMemory } from './plan-memory.js';
import { type Descent, planSessions } from './sessions.js';
import { inputOf, pidOf, type TreeInput, type TreeMember } from './tree-input.js';
import { type TreeProcess, treeProcesses } from './tree-process.js';

/**
 * Everything that makes a tree of processes from its images, in order. Pure: nothing is looked at but the
 * input.
 * @throws ImageError where something is missing, or does not fit
 */
export function planTree(tree: TreeInput): Step[] {
  const { members } = tree;
  const [root] = members;
  if (!root) throw new RangeError('a tree without members');
  const space = new AddressSpace([...mappedRanges(members), ...tree.ownMappings]);
  const kernelMappings = findKernelMappings(tree);
  const scratchBytes = kernelMappings.mappings.reduce((sum, { length }) => sum + length, 0);
  const base = space.take(PAGE_SIZE + areaBytes);
  const scratch = space.take(scratchBytes + PAGE_SIZE);
  const files = planCommonFiles(tree);
  const common = new CommonPlan(tree, files, space);
  const { start, end } = space.largest();
  const numbers = new ContentNumbers(members.map(({ pages }) => pages));
  const backings = new Backings();
  const family = planFamily(familyOf(tree, numbers, backings), {
    startPage: start / PAGE_SIZE,
    endPage: end / PAGE_SIZE,
  });
  const processes = treeProcesses(family, members);
  const descents = planSessions(processes);
  const sources = {
    ...{ numbers, backings },
    fileOf: common.fileOf.bind(common),
    contentOf: common.contentOf.bind(common),
  };
  const places = {
    ...{ scratch, scratchBytes, firstFd: files.first },
    fileOf: common.fileOf.bind(common),
  };
  const avoid = numbersOf(members);
  const births = processes.flatMap((process) =>
    birthSteps(process, { tree, descents, avoid, memory: planMemory(process, sources) }),
  );
  const planned = members.map((member) => ({
    switchStep: switchTo(pidOf(member)),
    ...planMember(inputOf(tree, member), files.got.get(member) ?? noFiles, places),
  }));
  return [
    ...uniqueChecks([
      ...members.map(({ process }): Step => {
        return { op: 'check-file', file: process.memory.exe, about: 'a program' };
      }),
      ...common.checks,
      ...planned.flatMap(({ checks }) => checks),
    ]),
    {
      ...({ op: 'start', pid: pidOf(root), isInNamespace: false } as const),
      ...{ base, areaBytes, keptFds: files.keptFds },
    },
    {
      ...({ op: 'clear', scratch } as const),
      ...{ vdsoBuildId: kernelMappings.vdsoBuildId, kernelMappings: kernelMappings.mappings },
    },
    ignoreChildren(),
    ...common.steps,
    ...births,
    ...planGroups(descents),
    ...planned.flatMap(({ switchStep, makeSteps }) => [switchStep, ...makeSteps]),
    ...planned.flatMap(({ switchStep, watchSteps }) =>
      watchSteps.length > 0 ? [switchStep, ...watchSteps] : [],
    ),
    ...planned.flatMap(({ switchStep, limitSteps }) => [switchStep, ...limitSteps]),
    ...planned.flatMap(({ switchStep, timerSteps }) =>
      timerSteps.length > 0 ? [switchStep, ...timerSteps] : [],
    ),
    ...planned.flatMap(({ switchStep, settleStep }) => [switchStep, settleStep]),
    { op: 'release' },
  ];
}

const noFiles = { numbers: new Map<number, number>(), own: new Set<number>(), above: 0 };

/** What is needed to tell how a process comes to be. */
interface BirthContext {
  tree: TreeInput;
  descents: ReadonlyMap<TreeProcess, Descent>;
  avoid: readonly number[];
  memory: PlannedMemory;
}

/** From its fork until it has its private memory, and all of its children. */
function birthSteps(process: TreeProcess, context: BirthContext): Step[] {
  const { tree, descents, memory } = context;
  const { member, children, nrEarly } = process;
  const { name = 0, setsidBefore = null } = descents.get(process) ?? {};
  const fork = (child: TreeProcess, i: number): Step[] => [
    ...(setsidBefore === i ? [makeSession] : []),
    ...forkSteps(child, context),
  ];
  const program = member
    ? planProgram(inputOf(tree, member), isSameProgram(member, forkerOf(process)))
    : [];
  return [
    switchTo(name),
    ...children.slice(0, nrEarly).flatMap(fork),
    ...memory.clearSteps,
    ...program,
    ...children
      .slice(nrEarly)
      .flatMap((child, i) => [...(memory.untilFork[i] ?? []), ...fork(child, nrEarly + i)]),
    ...(setsidBefore === children.length ? [makeSession] : []),
    ...memory.lastSteps,
    ...(member ? [] : [{ op: 'end', process: name, status: 0 } as const]),
  ];
}

const makeSession = call('setsid', [], 'a session of its own');

function switchTo(process: number): Step {
  return { op: 'switch', process };
}

function forkSteps(child: TreeProcess, { descents, avoid }: BirthContext): Step[] {
  const { name = 0 } = descents.get(child) ?? {};
  const about = child.member ? `process ${name}` : 'to fork an orphan, and to end';
  if (name < 0) return [{ op: 'fork-helper', process: name, flags: 0, avoid, about }];
  const args = [{ words: cloneWords(name) }, cloneArgsBytes];
  return [call('clone3', args, about, { expect: name })];
}

/** The member that it has its program from. */
function forkerOf({ parent }: TreeProcess): TreeMember | null {
  let forker = parent;
  while (forker && !forker.member) forker = forker.parent;
  return forker?.member ?? null;
}

function isSameProgram({ process }: TreeMember, forker: TreeMember | null): boolean {
  const { path, inode } = process.memory.exe;
  const other = forker?.process.memory.exe;
  return other?.path === path && other.inode === inode;
}

/** Those of the first member that has any: one kernel has made them all. */
function findKernelMappings(tree: TreeInput): { mappings: KernelMapping[]; vdsoBuildId: string } {
  for (const member of tree.members) {
    const mappings = kernelMappingsOf(inputOf(tree, member));
    const { vdsoBuildId } = member.process.memory;
    if (mappings.length > 0) return { mappings, vdsoBuildId };
  }
  return { mappings: [], vdsoBuildId: '' };
}

/** All numbers of processes, threads, groups and sessions. */
function numbersOf(members: readonly TreeMember[]): number[] {
  const numbers = new Set<number>();
  for (const { process } of members) {
    const { zombies = [] } = process.identity;
    for (const { tid } of process.threads) numbers.add(tid);
    for (const { pid, processGroup, session } of [process.identity, ...zombies])
      for (const number of [pid, processGroup, session]) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}

function mappedRanges(members: readonly TreeMember[]): AddressRange[] {
  return members.flatMap(({ vmas }) =>
    vmas.map(({ startPage, endPage }) => ({
      start: startPage * PAGE_SIZE,
      end: endPage * PAGE_SIZE,
    })),
  );
}

/** A file that many have is looked at once. */
function uniqueChecks(checks: readonly Step[]): Step[] {
  const seen = new Set<string>();
  return checks.filter((check) => {
    const key = keyOf(check);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function keyOf(check: Step): string {
  if (check.op === 'check-file') {
    const { path, size, mtimeNs, inode } = check.file;
    return `file ${path} ${size} ${mtimeNs} ${inode}`;
  }
  return check.op === 'check-path' ? `path ${check.path} ${check.inode}` : '';
}
