import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { describeVmas, OldNames } from '../../../src/dump/vma-records.js';
import type { VmaRecord } from '../../../src/image/index.js';
import { readMaps } from '../../../src/proc/maps.js';
import { layoutOf, tracked, vma } from './fixtures.js';

const lib = { kind: 'file-private', path: '/lib', offset: 0x3000, dev: '08:01', inode: 7 } as const;

describe('OldNames', () => {
  it('gives what was just swapped its name, with the offset of its part of the file', () => {
    const names = new OldNames([vma(10, 20), vma(100, 110, lib)], []);
    expect(names.of(tracked(104, 110, 1, 4, { kind: 'file-private' }))).to.deep.equal({
      path: '/lib',
      offset: 0x7000,
      dev: '08:01',
      inode: 7,
    });
  });

  it('knows a region by its pages, wherever the target has moved which part of it', () => {
    const names = new OldNames([], [tracked(100, 110, 1, 2, lib)]);
    const name = (regionPage: number) =>
      names.of(tracked(900, 901, 1, regionPage, { kind: 'file-private' }));
    expect(name(5)).to.deep.include({ path: '/lib', offset: 0x6000, inode: 7 });
    expect(name(0)).to.deep.include({ path: '/lib', offset: 0x1000 });
    expect(name(20)).to.deep.include({ offset: 0x3000 + 18 * 4096 });
  });

  it('believes the newest of older layouts', () => {
    const newer = tracked(100, 110, 1, 0, lib);
    const older = tracked(100, 110, 1, 0, { ...lib, path: '/old' });
    expect(new OldNames([], [newer, older]).of(newer).path).to.equal('/lib');
  });

  it('gives anonymous memory its label, and no file', () => {
    const names = new OldNames([vma(100, 110, { path: '[heap]' })], []);
    expect(names.of(tracked(104, 110, 1, 4))).to.deep.equal({
      path: '[heap]',
      offset: 0,
      dev: '00:00',
      inode: 0,
    });
  });

  it('has no name for a region that nobody has recorded', () => {
    const names = new OldNames([vma(10, 20)], [tracked(100, 110, 1, 0, lib)]);
    expect(names.of(tracked(104, 110, 2, 4, { kind: 'file-private' })).path).to.equal('');
  });
});

describe('describeVmas', () => {
  let directory: string;
  let file: string;

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'tracker-records-'));
    file = path.join(directory, 'mapped');
    writeFileSync(file, 'x'.repeat(5000));
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  async function describeOne(record: VmaRecord, previous: VmaRecord): Promise<VmaRecord> {
    const vmas = await describeVmas(process.pid, layoutOf(record), { previous: [previous] });
    return vmas[0] ?? record;
  }

  it('keeps the name that maps has of shared memory that is tracked', async () => {
    const entry = (await readMaps(process.pid)).find(({ path: name }) => name.startsWith('/'));
    const { startPage = 0, endPage = 0 } = entry ?? {};
    const record = tracked(startPage, endPage, 3, 9, { kind: 'anon-shared', shared: true });
    const described = await describeOne(record, vma(1, 2));
    expect(described).to.deep.equal({
      ...record,
      path: entry?.path,
      offset: entry?.offset,
      dev: entry?.dev,
      inode: entry?.inode,
    });
  });

  it('looks again at a shared file that the target may have written to, at no other', async () => {
    const { ino, size } = statSync(file);
    const name = { path: file, dev: '08:01', inode: ino, fileSize: 1, fileMtimeNs: 1n };
    const known = tracked(100, 110, 1, 0, { ...name, kind: 'file-private' });
    const { fileSize: _size, fileMtimeNs: _time, ...record } = known;
    expect(await describeOne(record, known)).to.deep.include({ fileSize: 1, fileMtimeNs: 1n });
    const others = [known, vma(200, 210, { ...name, kind: 'file-shared', shared: true })];
    const [described] = await describeVmas(process.pid, layoutOf(record), { previous: others });
    expect(described).to.deep.include({ path: file, fileSize: size });
  });
});
