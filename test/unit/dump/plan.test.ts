import { expect } from 'chai';
import { planRound, type PlanInput, type RoundPlan } from '../../../src/dump/plan.js';
import type { VmaRecord } from '../../../src/image/index.js';

function vma(startPage: number, endPage: number, more: Partial<VmaRecord> = {}): VmaRecord {
  return {
    startPage,
    endPage,
    prot: 3,
    shared: false,
    kind: 'anon-private',
    state: 'readonly',
    path: '',
    offset: 0,
    dev: '00:00',
    inode: 0,
    ...more,
  };
}

function tracked(startPage: number, endPage: number, region: number, regionPage = 0): VmaRecord {
  return vma(startPage, endPage, { state: 'tracked', region, regionPage });
}

function plan(input: Partial<PlanInput>): RoundPlan {
  const runs = new Float64Array();
  return planRound({ vmas: [], previous: null, runs, isOverflow: false, isFinal: false, ...input });
}

function dirtyOf(made: RoundPlan, region: number): number[] {
  return [...(made.regions.get(region)?.dirty.view() ?? [])];
}

function clearedOf(made: RoundPlan): number[] {
  return [...made.cleared.view()];
}

describe('planRound', () => {
  it('takes every region whole in a full round', () => {
    const made = plan({ vmas: [tracked(100, 110, 1)] });
    expect(made.regions.get(1)?.whole).to.deep.equal([{ page: 100, endPage: 110, regionPage: 0 }]);
    expect(clearedOf(made)).to.deep.equal([100, 110]);
  });

  it('takes only dirty pages of a region that is where it was', () => {
    const vmas = [tracked(100, 110, 1)];
    const made = plan({ vmas, previous: vmas, runs: Float64Array.of(1, 3, 2) });
    expect(dirtyOf(made, 1)).to.deep.equal([3, 103, 2]);
    expect(made.regions.get(1)?.whole).to.deep.equal([]);
    expect(clearedOf(made)).to.deep.equal([]);
  });

  it('takes a region whole that has moved, and none of its runs twice', () => {
    const made = plan({
      vmas: [tracked(200, 210, 1)],
      previous: [tracked(100, 110, 1)],
      runs: Float64Array.of(1, 3, 2),
    });
    expect(dirtyOf(made, 1)).to.deep.equal([]);
    expect(clearedOf(made)).to.deep.equal([200, 210]);
  });

  it('takes only the added part of a region that has grown whole', () => {
    const made = plan({ vmas: [tracked(100, 130, 1)], previous: [tracked(100, 110, 1)] });
    expect(made.regions.get(1)?.whole).to.deep.equal([{ page: 110, endPage: 130, regionPage: 10 }]);
    expect(clearedOf(made)).to.deep.equal([110, 130]);
  });

  it('does not know the pages of another region at the same address', () => {
    const made = plan({ vmas: [tracked(100, 110, 2)], previous: [tracked(100, 110, 1)] });
    expect(clearedOf(made)).to.deep.equal([100, 110]);
  });

  it('cuts a dirty run at the edges of the pieces that show it', () => {
    const vmas = [tracked(100, 105, 1), tracked(300, 305, 1, 5)];
    const made = plan({ vmas, previous: vmas, runs: Float64Array.of(1, 3, 4) });
    expect(dirtyOf(made, 1)).to.deep.equal([3, 103, 2, 5, 300, 2]);
  });

  it('ignores dirty pages that nothing maps any more', () => {
    const vmas = [tracked(100, 105, 1)];
    const made = plan({ vmas, previous: vmas, runs: Float64Array.of(1, 50, 4, 9, 0, 1) });
    expect(made.regions.size).to.equal(0);
  });

  it('takes everything whole when the log has lost count', () => {
    const vmas = [tracked(100, 110, 1)];
    const made = plan({ vmas, previous: vmas, isOverflow: true });
    expect(clearedOf(made)).to.deep.equal([100, 110]);
  });

  it('takes untracked writable memory in each round', () => {
    const vmas = [vma(100, 110, { state: 'stack' })];
    const made = plan({ vmas, previous: vmas });
    expect(made.memory).to.deep.equal(vmas);
    expect(clearedOf(made)).to.deep.equal([100, 110]);
  });

  it('takes read-only memory when it is new or changed, and in the final round', () => {
    const vmas = [vma(100, 110, { prot: 1, kind: 'file-private', path: '/lib' })];
    expect(plan({ vmas, previous: vmas }).memory).to.deep.equal([]);
    expect(plan({ vmas, previous: [] }).memory).to.deep.equal(vmas);
    expect(plan({ vmas, previous: vmas, isFinal: true }).memory).to.deep.equal(vmas);
    const other = [vma(100, 110, { prot: 1, kind: 'file-private', path: '/other' })];
    expect(plan({ vmas: other, previous: vmas }).memory).to.deep.equal(other);
  });

  it('reads shared memory through its file, whatever the protection', () => {
    const vmas = [vma(100, 110, { prot: 1, kind: 'anon-shared', shared: true })];
    expect(plan({ vmas, previous: vmas }).segments).to.deep.equal(vmas);
  });

  it('leaves memory of the kernel out', () => {
    const made = plan({ vmas: [vma(100, 104, { kind: 'special', prot: 1, path: '[vvar]' })] });
    expect([...made.memory, ...made.segments]).to.deep.equal([]);
  });

  it('takes time in proportion to the mappings of one region', () => {
    const pieces = (n: number) =>
      Array.from({ length: n }, (_, i) => tracked(100 + 2 * i, 101 + 2 * i, 1, 2 * i));
    const vmas = pieces(60_000);
    const startMs = performance.now();
    plan({ vmas, previous: vmas });
    expect(performance.now() - startMs).to.be.lessThan(2000);
  });
});
