import { expect } from 'chai';
import type { VmaRecord } from '../../../src/image/index.js';
import {
  planSegment,
  runsOfRegion,
  type SegmentHarvest,
  Segments,
} from '../../../src/tree/segments.js';

function mapping(startPage: number, nrPages: number, filePage: number, inode = 7): VmaRecord {
  const place = { startPage, endPage: startPage + nrPages, offset: filePage * 4096 };
  const file = { path: '/dev/shm/x', dev: '00:01', inode };
  const region = { region: inode, regionPage: filePage, state: 'tracked' };
  return { ...place, ...file, ...region, prot: 3, shared: true, kind: 'anon-shared' };
}

describe('Segments', () => {
  it('are found by file, with the size of the largest offset mapped', () => {
    const segments = new Segments();
    const first = { number: 0, vmas: [mapping(100, 10, 0), mapping(200, 4, 0, 8)] };
    const second = { number: 1, vmas: [mapping(500, 10, 25)] };
    const found = segments.assign([first, second]);
    expect(found.map(({ segment, nrPages }) => [segment, nrPages])).to.deep.equal([
      [0, 35],
      [1, 4],
    ]);
    expect(second.vmas[0]?.segment).to.equal(0);
  });

  it('keep their numbers when their creator is gone, and never give one again', () => {
    const segments = new Segments();
    segments.keep(segments.assign([{ number: 0, vmas: [mapping(1, 9, 0)] }]));
    const [same] = segments.assign([{ number: 4, vmas: [mapping(50, 2, 0)] }]);
    expect(same).to.deep.include({ segment: 0, nrPages: 9, nrPagesBefore: 9 });
    segments.keep([]);
    const [next] = segments.assign([{ number: 4, vmas: [mapping(50, 2, 0)] }]);
    expect(next).to.deep.include({ segment: 1, nrPages: 2, nrPagesBefore: 0 });
  });
});

describe('who harvests', () => {
  const first = { number: 0, vmas: [mapping(100, 10, 0)] };
  const second = { number: 1, vmas: [mapping(500, 10, 25)] };

  it('is the first who had the segment in the round before', () => {
    const segments = new Segments();
    expect([...segments.harvesters([first, second])]).to.deep.equal([]);
    segments.keep(segments.assign([second]));
    expect([...segments.harvesters([first, second])]).to.deep.equal([1]);
    segments.keep(segments.assign([first, second]));
    expect([...segments.harvesters([first, second])]).to.deep.equal([0]);
    expect([...segments.harvesters([second])]).to.deep.equal([1]);
  });

  it('is one who builds on that round, if any does', () => {
    const segments = new Segments();
    segments.keep(segments.assign([first, second]));
    const full = { ...first, isFull: true };
    expect([...segments.harvesters([full, second])]).to.deep.equal([1]);
    expect([...segments.harvesters([full, { ...second, isFull: true }])]).to.deep.equal([0]);
  });

  it('is everybody who maps a file shared that has its own content, or memory without an inode', () => {
    const segments = new Segments();
    const file = { number: 2, vmas: [{ ...mapping(1, 1, 0), kind: 'file-shared' as const }] };
    const nameless = { number: 3, vmas: [mapping(1, 1, 0, 0)] };
    expect([...segments.harvesters([file, nameless])]).to.deep.equal([2, 3]);
  });
});

describe('Segments of SysV', () => {
  const sysV = (): VmaRecord => ({ ...mapping(300, 2, 0), path: '/SYSV00000000' });
  const [one, other] = ['ipc:[1]', 'ipc:[2]'];

  it('are others than a memfd with the same inode number, and than those of other namespaces', () => {
    const found = new Segments().assign([
      { number: 0, vmas: [mapping(100, 10, 0), sysV()], ipcNamespace: one },
      { number: 1, vmas: [sysV()], ipcNamespace: one },
      { number: 2, vmas: [sysV()], ipcNamespace: other },
    ]);
    expect(found.map(({ nrPages, mappers }) => [nrPages, mappers.size])).to.deep.equal([
      [10, 1],
      [2, 2],
      [2, 1],
    ]);
  });

  it('are segments where their number is 0', () => {
    const first = { ...sysV(), inode: 0 };
    const [found] = new Segments().assign([{ number: 0, vmas: [first], ipcNamespace: one }]);
    expect(found?.inode).to.equal(0);
    expect(first.segment).to.equal(0);
  });

  it('are harvested by the first of each namespace, whatever their number', () => {
    for (const inode of [0, 7]) {
      const of = (number: number, ipcNamespace: string) => {
        const own = mapping(100 * number, 2, 0);
        return { number, vmas: [{ ...own, path: '/SYSV00000000', inode }], ipcNamespace };
      };
      const members = [of(0, one), of(1, one), of(2, other), of(3, other)];
      const segments = new Segments();
      segments.keep(segments.assign(members));
      expect([...segments.harvesters(members)]).to.deep.equal([0, 2]);
    }
  });

  it('have another harvester than a memfd with the same inode number', () => {
    const memfd = { number: 0, vmas: [mapping(100, 10, 0)], ipcNamespace: undefined };
    const shm = { number: 1, vmas: [sysV()], ipcNamespace: one };
    const segments = new Segments();
    segments.keep(segments.assign([memfd, shm]));
    expect([...segments.harvesters([memfd, shm])]).to.deep.equal([0, 1]);
  });
});

describe('planSegment', () => {
  const size = { nrPages: 100, nrPagesBefore: 80 };
  const of = (isComplete: boolean, ...values: number[]): SegmentHarvest => ({
    runs: Float64Array.from(values),
    isComplete,
  });
  const lost = (isComplete: boolean): SegmentHarvest => ({ runs: null, isComplete });

  it('stores the union of what members have harvested, and what is new at its end', () => {
    const { dirty, whole } = planSegment(size, [of(true, 3, 4, 70, 20), of(true, 5, 5)]);
    expect([...dirty.view()]).to.deep.equal([3, 3, 7, 70, 70, 10]);
    expect(whole).to.deep.equal([{ page: 80, endPage: 100, regionPage: 80 }]);
  });

  it('stores too what somebody has harvested who does not know all', () => {
    const { dirty, whole } = planSegment(size, [of(true, 3, 1), of(false, 9, 2)]);
    expect([...dirty.view()]).to.deep.equal([3, 3, 1, 9, 9, 2]);
    expect(whole).to.deep.equal([{ page: 80, endPage: 100, regionPage: 80 }]);
  });

  it('stores all of it where nobody knows all that was written, or somebody has lost count', () => {
    const all = of(true, 3, 1);
    for (const harvests of [
      [],
      [lost(true)],
      [of(false, 3, 1)],
      [all, lost(false)],
      [lost(true), all],
    ]) {
      const { cleared, whole } = planSegment(size, harvests);
      expect([...cleared.view()]).to.deep.equal([0, 100]);
      expect(whole).to.deep.equal([{ page: 0, endPage: 100, regionPage: 0 }]);
    }
  });

  it('asks long runs for holes', () => {
    const { dirty, cleared, whole } = planSegment({ nrPages: 900, nrPagesBefore: 900 }, [
      of(true, 0, 300, 300, 300),
    ]);
    expect(dirty.length).to.equal(0);
    expect([...cleared.view()]).to.deep.equal([0, 600]);
    expect(whole).to.have.length(1);
  });
});

describe('runsOfRegion', () => {
  it('finds the runs of one region', () => {
    const runs = Float64Array.of(1, 5, 1, 2, 6, 2, 2, 9, 1, 4, 0, 1);
    expect([...runsOfRegion(runs, 2)]).to.deep.equal([6, 2, 9, 1]);
    expect(runsOfRegion(runs, 3)).to.have.length(0);
  });
});
