import { PageMapBuilder } from '../../../../src/image/page-map.js';
import type { IdentityRecord } from '../../../../src/process/identity-record.js';
import type { CallStep, Step } from '../../../../src/restore/plan/step.js';
import type { TreeInput, TreeMember } from '../../../../src/restore/tree/tree-input.js';
import { processRecord, threadRecord } from '../fixtures.js';

const outerSession = 5;
const outerGroup = 6;

/** A member that is in the session and the group of whoever has started the tree. */
export function treeMember(
  pid: number,
  parent: number | null,
  {
    identity = {},
    files = { open: [], descriptors: [] },
    vmas = [],
    pages = new PageMapBuilder().build(),
  }: Partial<Pick<TreeMember, 'vmas' | 'pages'>> & {
    identity?: Partial<IdentityRecord>;
    files?: TreeMember['process']['files'];
  } = {},
): TreeMember {
  const record = processRecord({ files, threads: [threadRecord({ tid: pid })] });
  const ids = { pid, session: outerSession, processGroup: outerGroup };
  return {
    process: { ...record, identity: { ...record.identity, ...ids, ...identity } },
    vmas,
    pages,
    parent,
    startTime: pid,
  };
}

export function treeInput(members: TreeMember[], fields: Partial<TreeInput> = {}): TreeInput {
  return {
    members,
    segments: new Map(),
    pagesPath: (round) => `/images/round-${round}.pages`,
    ownMappings: [],
    inherited: new Map(),
    isStopped: false,
    ...fields,
  };
}

/** Steps with the process that runs them. */
export function byProcess(steps: readonly Step[]): { process: number; step: Step }[] {
  let process = 0;
  return steps.flatMap((step) => {
    if (step.op === 'start') process = step.pid;
    if (step.op === 'switch') process = step.process;
    return step.op === 'switch' ? [] : [{ process, step }];
  });
}

/** Calls of a name, as `pid: args`, with the pid that a clone3 asks for. */
export function callsOf(steps: readonly Step[], ...names: string[]): string[] {
  return byProcess(steps).flatMap(({ process, step }) => {
    if (step.op === 'end' && names.includes('end')) return [`end ${step.process} ${step.status}`];
    if (step.op !== 'call' || !names.includes(step.call)) return [];
    const args = step.call === 'clone3' ? step.expect : step.args.map(show).join(' ');
    return [`${process}: ${step.call} ${args ?? ''}`.trimEnd()];
  });
}

function show(value: CallStep['args'][number]): string {
  if (typeof value === 'object' && 'slot' in value) return `{${value.slot}}`;
  return typeof value === 'object' ? '...' : String(value);
}
