import { expect } from 'chai';
import { existingPages, memoryRanges } from '../../../src/dump/sources.js';
import { aioRing, PROT_READ, PROT_WRITE } from '../../../src/image/vma-record.js';
import type { VmaRecord } from '../../../src/image/index.js';
import { residentAnon } from '../../../src/kernel/session.js';

function mapping(startPage: number, more: Partial<VmaRecord> = {}): VmaRecord {
  const place = { startPage, endPage: startPage + 10, offset: 0, path: '', dev: '00:00', inode: 0 };
  return { ...place, prot: PROT_READ, shared: false, kind: 'anon-private', state: 'x', ...more };
}

describe('existingPages', () => {
  const find = (vmas: readonly VmaRecord[], ...rows: number[]) => {
    const { writable, readOnly, counts } = existingPages(vmas, Float64Array.from(rows));
    return [[...writable.view()], [...readOnly.view()], vmas.map((vma) => counts.get(vma))];
  };

  it('are told apart by whether the target may write them', () => {
    const vmas = [mapping(100), mapping(200, { prot: PROT_READ | PROT_WRITE }), mapping(300)];
    const rows = [0, 100, 2, residentAnon, 0, 105, 1, residentAnon, 1, 203, 4, residentAnon];
    expect(find(vmas, ...rows)).to.deep.equal([
      [203, 4],
      [100, 2, 105, 1],
      [3, 4, 0],
    ]);
  });

  it("are not the file's, but for those of shared memory", () => {
    const vmas = [mapping(100, { kind: 'file-private' }), mapping(200, { kind: 'anon-shared' })];
    const rows = [0, 100, 2, 0, 0, 102, 1, residentAnon, 1, 200, 3, 0];
    expect(find(vmas, ...rows)).to.deep.equal([[], [102, 1, 200, 3], [1, 3]]);
  });

  it('are all pages of an AIO ring, whatever the page table has', () => {
    const ring = mapping(100, { kind: 'anon-shared', path: aioRing, prot: PROT_READ | PROT_WRITE });
    expect(find([ring], 0, 103, 1, 0)).to.deep.equal([[100, 10], [], [10]]);
  });

  it('are looked for in whole mappings', () => {
    const vmas = [mapping(100), mapping(200)];
    expect([...memoryRanges(vmas)]).to.deep.equal([100, 110, 200, 210]);
  });
});
