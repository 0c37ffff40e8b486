import { expect } from 'chai';
import { planFamily } from '../../../../src/restore/family/plan-family.js';
import { Random } from '../../../soak/random.js';
import { RandomFamily } from './random-family.js';
import {
  Contents,
  describe as describeProcess,
  follow,
  SimulatedProcess,
} from './simulated-family.js';

const anonymous = { file: '', origin: 0 };
const free = { startPage: 1_000_000, endPage: 2_000_000 };

interface Member {
  memory: SimulatedProcess;
  parent: number | null;
}

/** Plans a family, follows the plan, and compares what comes of it, page frames included. */
function expectRestored(members: readonly Member[]): { nrProcesses: number; nrRead: number } {
  const contents = new Contents();
  const family = members.map(({ memory, parent }, born) =>
    describeProcess(memory, contents, { parent, born }),
  );
  const plan = planFamily(family, free);
  const { made, nrRead } = follow(plan);
  expect(plan.repeatedPages).to.equal(0);
  const frames = new Map<number, object>();
  members.forEach(({ memory }, index) => {
    const view = made.get(index)?.view ?? [];
    const wanted = memory.view.map(({ page, key, frame }) => {
      return { page, key, content: frame && contents.of(frame) };
    });
    const got = view.map(({ page, key, frame }) => ({ page, key, content: frame?.content }));
    expect(got, `process ${index}`).to.deep.equal(wanted);
    for (const { page, frame } of view) {
      if (!frame) continue;
      const first = frames.get(frame.content);
      if (first) expect(frame, `page ${page} of process ${index}`).to.equal(first);
      else frames.set(frame.content, frame);
    }
  });
  expect(nrRead).to.equal(frames.size);
  return { nrProcesses: plan.processes.length, nrRead };
}

/** A process with `nrPages` written pages from page 10 on. */
function parentOf(nrPages: number): SimulatedProcess {
  const memory = new SimulatedProcess();
  memory.map(10, 10 + nrPages, anonymous);
  for (let page = 10; page < 10 + nrPages; page++) memory.write(page, 0);
  return memory;
}

describe('planFamily', () => {
  it('gives a child the pages that it shares with its parent', () => {
    const parent = parentOf(8);
    const child = parent.fork();
    parent.write(12, 0);
    child.write(13, 0);
    child.drop(14, 15);
    const { nrRead } = expectRestored([
      { memory: parent, parent: null },
      { memory: child, parent: 0 },
    ]);
    expect(nrRead).to.equal(10);
  });

  it('shares among siblings what the parent has written since', () => {
    const parent = parentOf(8);
    const first = parent.fork();
    const second = parent.fork();
    parent.write(12, 0);
    const third = parent.fork();
    parent.unmap(10, 14);
    expectRestored([
      { memory: parent, parent: null },
      { memory: first, parent: 0 },
      { memory: second, parent: 0 },
      { memory: third, parent: 0 },
    ]);
  });

  it('shares among grandparent and grandchild what the middle one has unmapped', () => {
    const top = parentOf(8);
    const middle = top.fork();
    const bottom = middle.fork();
    middle.unmap(9, 15);
    middle.map(11, 13, { file: '/lib', origin: 0 });
    expectRestored([
      { memory: top, parent: null },
      { memory: middle, parent: 0 },
      { memory: bottom, parent: 1 },
    ]);
  });

  it('follows mappings that were moved, in the child, in the parent, in both', () => {
    for (const movers of [[1], [0], [0, 1]]) {
      const memories = [parentOf(8)];
      memories.push((memories[0] as SimulatedProcess).fork());
      for (const index of movers) memories[index]?.move(12, 40 + index * 20, 4);
      expectRestored(memories.map((memory, index) => ({ memory, parent: index === 0 ? null : 0 })));
    }
  });

  it('exchanges two mappings', () => {
    const parent = parentOf(8);
    const child = parent.fork();
    child.move(10, 100, 4);
    child.move(14, 10, 4);
    child.move(100, 14, 4);
    expectRestored([
      { memory: parent, parent: null },
      { memory: child, parent: 0 },
    ]);
  });

  it('shares among orphans, by a process that ends', () => {
    const parent = parentOf(8);
    const children = [parent.fork(), parent.fork(), parent.fork()];
    children[1]?.write(11, 0);
    const { nrProcesses } = expectRestored(children.map((memory) => ({ memory, parent: null })));
    expect(nrProcesses).to.equal(5);
  });

  it('keeps apart who has nothing in common', () => {
    const members = [parentOf(3), parentOf(4)].map((memory) => ({ memory, parent: null }));
    expect(expectRestored(members).nrProcesses).to.equal(2);
  });

  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  it(`restores families with any past (SEED=${seed})`, () => {
    for (let round = 0; round < 200; round++) {
      const family = new RandomFamily(new Random(seed + round));
      for (let i = 0; i < 10 + (round % 60); i++) family.change();
      try {
        expectRestored(family.members);
      } catch (error) {
        throw new Error(`SEED=${seed + round} with ${10 + (round % 60)} changes`, { cause: error });
      }
    }
  });
});
