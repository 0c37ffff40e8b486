import { expect } from 'chai';
import { PageMapBuilder } from '../../../../src/image/page-map.js';
import type { OpenFileRecord } from '../../../../src/process/file-record.js';
import type { Step } from '../../../../src/restore/plan/step.js';
import { planTree } from '../../../../src/restore/tree/plan-tree.js';
import { vmaRecord } from '../fixtures.js';
import { byProcess, callsOf, treeInput, treeMember } from './fixtures.js';

const zombie = { processGroup: 6, session: 5, name: 'gone', startTime: 3 };

describe('planTree', () => {
  it('starts the root, forks who descends from it, and lets all go at last', () => {
    const steps = planTree(treeInput([treeMember(12, null), treeMember(13, 0), treeMember(14, 1)]));
    const starts = steps.filter((step) => step.op === 'start');
    expect(starts.map(({ pid }) => pid)).to.deep.equal([12]);
    expect(callsOf(steps, 'clone3')).to.deep.equal(['12: clone3 13', '13: clone3 14']);
    const settled = byProcess(steps).filter(({ step }) => step.op === 'settle');
    expect(settled.map(({ process }) => process)).to.deep.equal([12, 13, 14]);
    const isEnd = ({ op }: Step) => op === 'settle' || op === 'release';
    expect(steps.slice(-4).map(({ op }) => op)).to.include('release');
    expect(steps.findIndex(isEnd)).to.be.greaterThan(
      steps.findLastIndex(({ op }) => op === 'call' || op === 'read'),
    );
    expect(steps.at(-1)).to.deep.equal({ op: 'release' });
  });

  it('forks who is in an earlier session of its parent before that makes its own', () => {
    const led = { session: 12, processGroup: 12 };
    const steps = planTree(
      treeInput([
        treeMember(12, null, { identity: led }),
        treeMember(13, 0),
        treeMember(14, 0, { identity: led }),
      ]),
    );
    expect(callsOf(steps, 'clone3', 'setsid')).to.deep.equal([
      '12: clone3 13',
      '12: setsid',
      '12: clone3 14',
    ]);
    expect(callsOf(steps, 'setpgid')).to.deep.equal([]);
  });

  it('refuses sessions that do not come about by fork', () => {
    const led = { session: 12, processGroup: 12 };
    const tree = treeInput([
      treeMember(12, null, { identity: led }),
      treeMember(13, 0, { identity: led }),
      treeMember(14, 0),
    ]);
    expect(() => planTree(tree))
      .to.throw('pid 14')
      .with.property('code', 'TREE_NOT_RESTORABLE');
  });

  it('makes groups when all are forked, the leaders first', () => {
    const steps = planTree(
      treeInput([
        treeMember(12, null),
        treeMember(13, 0, { identity: { processGroup: 14 } }),
        treeMember(14, 0, { identity: { processGroup: 14 } }),
      ]),
    );
    expect(callsOf(steps, 'clone3', 'setpgid')).to.deep.equal([
      '12: clone3 13',
      '12: clone3 14',
      '14: setpgid 0 0',
      '13: setpgid 0 14',
    ]);
  });

  it('puts a helper in the place of a leader that has ended', () => {
    const steps = planTree(
      treeInput([
        treeMember(12, null),
        treeMember(13, 0, { identity: { processGroup: 99 } }),
        treeMember(14, 0, { identity: { processGroup: 99 } }),
      ]),
    );
    expect(callsOf(steps, 'clone3', 'setpgid', 'end').slice(2)).to.deep.equal([
      '13: clone3 99',
      '99: setpgid 0 0',
      '13: setpgid 0 99',
      '14: setpgid 0 99',
      'end 99 0',
    ]);
  });

  it('ends children that have ended when they are in their groups, and forgets their signals', () => {
    const zombies = [
      { ...zombie, pid: 20, status: 42 << 8 },
      { ...zombie, pid: 21, status: 9, processGroup: 21 },
    ];
    const steps = planTree(treeInput([treeMember(12, null, { identity: { zombies } })]));
    expect(callsOf(steps, 'clone3', 'setpgid', 'end')).to.deep.equal([
      '12: clone3 20',
      '12: clone3 21',
      '21: setpgid 0 0',
      'end 20 10752',
      'end 21 9',
    ]);
    const actions = byProcess(steps).filter(
      ({ step }) => step.op === 'call' && step.call === 'rt_sigaction' && step.args[0] === 17,
    );
    const handlers = actions.map(({ step }) => {
      const value = step.op === 'call' ? step.args[1] : 0;
      return typeof value === 'object' && 'bytes' in value ? value.bytes[0] : -1;
    });
    expect(handlers).to.deep.equal([1, 0, 1, 0]);
  });

  it('reads a shared page once, before the fork, and an own one afterwards', () => {
    const pagesOf = (own: number) => {
      const builder = new PageMapBuilder();
      builder.add(16, 2, 0, 0);
      builder.add(18, 1, 0, own);
      return builder.build();
    };
    const vmas = [vmaRecord({ prot: 1 })];
    const steps = planTree(
      treeInput([
        treeMember(12, null, { vmas, pages: pagesOf(7) }),
        treeMember(13, 0, { vmas, pages: pagesOf(9) }),
      ]),
    );
    const order = byProcess(steps).flatMap(({ process, step }) => {
      if (step.op === 'read') return [`${process}: read ${step.runs.join(' ')}`];
      return step.op === 'call' && step.call === 'clone3' ? [`${process}: fork`] : [];
    });
    expect(order).to.deep.equal([
      '12: read 16 0 2',
      '12: fork',
      '12: read 18 7 1',
      '13: read 18 9 1',
    ]);
    // The child has it as the root had it then, which is not as it is to be written.
    const protections = callsOf(steps, 'mprotect').filter((each) => each.startsWith('13'));
    expect(protections).to.deep.equal(['13: mprotect 65536 16384 3', '13: mprotect 65536 16384 1']);
    expect(callsOf(steps, 'mmap').filter((each) => each.startsWith('13'))).to.deep.equal([]);
  });

  it('makes an open file of several members once, and each puts it into its places', () => {
    const file: OpenFileRecord = {
      id: 0,
      kind: 'eventfd',
      flags: 2,
      count: 0n,
      isSemaphore: false,
    };
    const filesOf = (fd: number) => ({
      open: [{ ...file, shared: 0 }],
      descriptors: [{ fd, file: 0, closeOnExec: false }],
    });
    const steps = planTree(
      treeInput([
        treeMember(12, null, { files: filesOf(4) }),
        treeMember(13, 0, { files: filesOf(30) }),
      ]),
    );
    expect(callsOf(steps, 'eventfd2')).to.deep.equal(['12: eventfd2 0 0']);
    expect(callsOf(steps, 'dup3', 'clone3', 'close_range')).to.deep.equal([
      '12: dup3 {high file 31} 31 0',
      '12: clone3 13',
      '12: dup3 31 4 0',
      '12: close_range 31 4294967295 0',
      '13: dup3 31 30 0',
      '13: close_range 31 4294967295 0',
    ]);
  });

  it('makes a pipe of which two members have an end each before the fork', () => {
    const end = (flags: number, capacity: number) => ({
      open: [
        {
          ...({ id: 0, kind: 'pipe', pipe: 77, flags } as const),
          ...{ capacity, content: new Uint8Array(0) },
        },
      ],
      descriptors: [{ fd: 3, file: 0, closeOnExec: false }],
    });
    const steps = planTree(
      treeInput([
        treeMember(12, null, { files: end(1, 4096) }),
        treeMember(13, 0, { files: end(0, 0) }),
      ]),
    );
    const made = callsOf(steps, 'pipe2', 'clone3');
    expect(made.map((each) => each.split(' ').slice(0, 2).join(' '))).to.deep.equal([
      '12: pipe2',
      '12: clone3',
    ]);
    expect(callsOf(steps, 'dup3').slice(2)).to.deep.equal(['12: dup3 4 3 0', '13: dup3 5 3 0']);
  });

  it('refuses a shared file of a kind that only one process can have', () => {
    const file: OpenFileRecord = { id: 0, kind: 'epoll', flags: 2, entries: [], shared: 0 };
    const files = { open: [file], descriptors: [{ fd: 3, file: 0, closeOnExec: false }] };
    const tree = treeInput([treeMember(12, null, { files }), treeMember(13, 0, { files })]);
    expect(() => planTree(tree))
      .to.throw('fd 3, epoll')
      .with.property('code', 'TREE_NOT_RESTORABLE');
  });

  it('names the descriptor that nobody hands in', () => {
    const file: OpenFileRecord = {
      id: 0,
      kind: 'inherited',
      flags: 2,
      what: 'pipe:[8]',
      shared: 0,
    };
    const files = { open: [file], descriptors: [{ fd: 1, file: 0, closeOnExec: false }] };
    const members = [treeMember(12, null, { files }), treeMember(13, 0, { files })];
    expect(() => planTree(treeInput(members)))
      .to.throw('fd 1 was pipe:[8]')
      .with.property('code', 'FD_NOT_INHERITED');
    const steps = planTree(treeInput(members, { inherited: new Map([[1, 9]]) }));
    expect(steps.find(({ op }) => op === 'start')).to.have.deep.property('keptFds', [9]);
  });

  it('forks an orphan through a helper that ends', () => {
    const steps = planTree(treeInput([treeMember(12, null), treeMember(13, null)]));
    const helpers = steps.filter((step) => step.op === 'fork-helper');
    expect(helpers.map(({ process, avoid }) => [process, ...avoid])).to.deep.equal([
      [-1, 5, 6, 12, 13],
    ]);
    expect(callsOf(steps, 'clone3', 'end')).to.deep.equal(['-1: clone3 13', 'end -1 0']);
  });

  it('lets the helper of an orphan lead its session, whose leader has ended', () => {
    const daemon = { session: 40, processGroup: 40 };
    const steps = planTree(
      treeInput([treeMember(12, null), treeMember(13, null, { identity: daemon })]),
    );
    expect(callsOf(steps, 'clone3', 'setsid', 'setpgid', 'end')).to.deep.equal([
      '12: clone3 40',
      '40: setsid',
      '40: clone3 13',
      'end 40 0',
    ]);
  });
});
