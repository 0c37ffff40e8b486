import { expect } from 'chai';
import { planRound, type PlanInput, type RoundPlan } from '../../../src/dump/plan.js';
import type { VmaRecord } from '../../../src/image/index.js';
import { Random } from '../image/random.js';
import { tracked, vma } from './fixtures.js';

function plan(input: Partial<PlanInput>): RoundPlan {
  const runs = new Float64Array();
  return planRound({ vmas: [], previous: null, runs, isOverflow: false, isFinal: false, ...input });
}

function dirtyOf(made: RoundPlan, region: number): number[] {
  return [...(made.regions.get(region)?.dirty.view() ?? [])];
}

/** `[page, region page]` of every dirty page that is stored. */
function storedPages(made: RoundPlan): string[] {
  const pages: string[] = [];
  for (const [region, { dirty, whole }] of made.regions) {
    const rows = dirty.view();
    const add = (regionPage: number, page: number, nrPages: number) => {
      for (let i = 0; i < nrPages; i++) pages.push(`${page + i} ${region} ${regionPage + i}`);
    };
    for (let i = 0; i < rows.length; i += 3) add(rows[i] ?? 0, rows[i + 1] ?? 0, rows[i + 2] ?? 0);
    for (const { page, endPage, regionPage } of whole) add(regionPage, page, endPage - page);
  }
  return pages.sort();
}

/** Pages of the model below: by address, what is shown there. */
function pagesOf(vmas: readonly VmaRecord[]): Map<number, string> {
  const pages = new Map<number, string>();
  for (const { startPage, endPage, region = 0, regionPage = 0 } of vmas)
    for (let i = 0; i < endPage - startPage; i++)
      pages.set(startPage + i, `${region} ${regionPage + i}`);
  return pages;
}

/** Pieces of three regions at random places, of which several may show the same pages. */
function randomLayout(random: Random): VmaRecord[] {
  const vmas: VmaRecord[] = [];
  for (let page = 100 + random.below(5); page < 300;) {
    const endPage = page + 1 + random.below(20);
    const [region, regionPage] = [1 + random.below(3), random.below(40)];
    if (random.chance(0.8)) vmas.push(tracked(page, endPage, region, regionPage));
    page = endPage + random.below(3);
  }
  return vmas;
}

/** The same with some mappings gone, cut or moved. */
function changedLayout(random: Random, vmas: readonly VmaRecord[]): VmaRecord[] {
  return vmas
    .filter(() => random.chance(0.9))
    .map((old) => {
      const cut = random.below(old.endPage - old.startPage);
      const regionPage = (old.regionPage ?? 0) + cut;
      if (random.chance(0.2)) return { ...old, startPage: old.startPage + cut, regionPage };
      return random.chance(0.2) ? { ...old, regionPage } : old;
    });
}

/** Runs as a harvest has them: sorted, none touches another. */
function randomRuns(random: Random): number[] {
  const runs: number[] = [];
  for (let region = 1; region <= 4; region++) {
    for (let page = random.below(10); page < 60;) {
      const nrPages = 1 + random.below(8);
      runs.push(region, page, nrPages);
      page += nrPages + 1 + random.below(10);
    }
  }
  return runs;
}

function clearedOf(made: RoundPlan): number[] {
  return [...made.cleared.view()];
}

/** Processor time of this process, which does not depend on what else the machine does. */
function cpuMsOf(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  return process.cpuUsage(before).user / 1000;
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

  it('takes a dirty page at every address that shows it', () => {
    const vmas = [tracked(100, 110, 1, 0), tracked(200, 205, 1, 2), tracked(300, 310, 1, 20)];
    const made = plan({ vmas, previous: vmas, runs: Float64Array.of(1, 3, 1, 1, 9, 1, 1, 25, 1) });
    expect(dirtyOf(made, 1)).to.deep.equal([3, 103, 1, 3, 201, 1, 9, 109, 1, 25, 305, 1]);
  });

  it('takes what a slow and obvious model takes', () => {
    const random = new Random();
    for (let i = 0; i < 300; i++) {
      const previous = randomLayout(random);
      const vmas = changedLayout(random, previous);
      const runs = randomRuns(random);
      const isDirty = new Set<string>();
      for (let run = 0; run < runs.length; run += 3)
        for (let n = 0; n < (runs[run + 2] ?? 0); n++)
          isDirty.add(`${runs[run] ?? 0} ${(runs[run + 1] ?? 0) + n}`);
      const before = pagesOf(previous);
      const expected = [...pagesOf(vmas)]
        .filter(([page, shown]) => before.get(page) !== shown || isDirty.has(shown))
        .map(([page, shown]) => `${page} ${shown}`);
      const made = plan({ vmas, previous, runs: Float64Array.from(runs) });
      expect(storedPages(made), `SEED=${random.seed}`).to.deep.equal(expected.sort());
    }
  });

  it('takes time in proportion to the pieces, where one of them covers all others', () => {
    const nr = 60_000;
    const vmas = [tracked(1, nr + 1, 1)];
    for (let i = 0; i < nr; i++) vmas.push(tracked(nr + 100 + 2 * i, nr + 101 + 2 * i, 1, i));
    const runs = Float64Array.from({ length: 3 * 20_000 }, (_, i) =>
      i % 3 === 0 ? 1 : i % 3 === 1 ? nr / 2 + i / 3 : 1,
    );
    expect(cpuMsOf(() => plan({ vmas, previous: vmas, runs }))).to.be.lessThan(5000);
  });

  it('stores nothing of a shared file that is new at its address, but its dirty pages later', () => {
    const file = { kind: 'file-shared', shared: true, path: '/f' } as const;
    const vmas = [tracked(100, 110, 1, 5, file)];
    const made = plan({ vmas, previous: [], runs: Float64Array.of(1, 6, 1) });
    expect(clearedOf(made)).to.deep.equal([100, 110]);
    expect(made.regions.size).to.equal(0);
    const later = plan({ vmas, previous: vmas, runs: Float64Array.of(1, 6, 1) });
    expect(dirtyOf(later, 1)).to.deep.equal([6, 101, 1]);
    expect(clearedOf(later)).to.deep.equal([]);
    const overflow = plan({ vmas, previous: vmas, isOverflow: true });
    expect(clearedOf(overflow)).to.deep.equal([100, 110]);
    expect(overflow.regions.size).to.equal(0);
  });

  it('asks shared memory of which very much is dirty for its holes', () => {
    const memory = { kind: 'anon-shared', shared: true } as const;
    const vmas = [tracked(1000, 2000, 1, 0, memory)];
    const made = plan({ vmas, previous: vmas, runs: Float64Array.of(1, 0, 1, 1, 100, 5000) });
    expect(dirtyOf(made, 1)).to.deep.equal([0, 1000, 1]);
    expect(made.regions.get(1)?.whole).to.deep.equal([
      { page: 1100, endPage: 2000, regionPage: 100 },
    ]);
    expect(clearedOf(made)).to.deep.equal([1100, 2000]);
  });

  it('takes what the region has of a private file mapping, or all if its file is not known', () => {
    const vmas = [
      tracked(100, 110, 1, 0, { kind: 'file-private', path: '/lib' }),
      tracked(200, 210, 2, 0, { kind: 'file-private' }),
    ];
    const made = plan({ vmas });
    expect([...made.regions.keys()]).to.deep.equal([1]);
    expect(made.nameless).to.deep.equal([{ page: 200, endPage: 210, regionPage: 0 }]);
  });

  it('asks a private file mapping which of its dirty pages are still its own', () => {
    const vmas = [tracked(100, 110, 1, 0, { kind: 'file-private', path: '/lib' })];
    const made = plan({ vmas, previous: vmas, runs: Float64Array.of(1, 3, 2) });
    expect(dirtyOf(made, 1)).to.deep.equal([]);
    expect(made.regions.get(1)?.whole).to.deep.equal([{ page: 103, endPage: 105, regionPage: 3 }]);
    expect(clearedOf(made)).to.deep.equal([103, 105]);
  });

  it('reads huge pages and AIO rings through the memory of the process', () => {
    const memory = { kind: 'anon-shared', shared: true } as const;
    const vmas = [
      vma(100, 110, { ...memory, state: 'hugetlb' }),
      vma(200, 210, { ...memory, state: 'special-flags' }),
      vma(300, 310, { ...memory, state: 'kind', path: '/[aio]' }),
      vma(400, 410, { ...memory, state: 'kind', path: '/on/overlayfs' }),
      vma(500, 510, { ...memory, state: 'sealed' }),
    ];
    const made = plan({ vmas, previous: vmas });
    expect(made.memory).to.deep.equal(vmas.slice(0, 3));
    expect(made.segments).to.deep.equal(vmas.slice(3));
  });

  it('reads shared memory that is not tracked through its file, whatever the protection', () => {
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
    expect(cpuMsOf(() => plan({ vmas, previous: vmas }))).to.be.lessThan(5000);
  });
});
