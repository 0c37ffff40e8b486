import { stat, utimes, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { ImageDirectory, PageReader, type VmaRecord } from '../../../src/image/index.js';
import { addRound, anonVma, imageErrorOf, makeChain, pageOf, Scratch, TARGET } from './fixtures.js';

describe('PageReader', () => {
  let scratch: Scratch;

  beforeEach(async () => {
    scratch = await Scratch.create();
  });

  afterEach(async () => {
    await scratch[Symbol.asyncDispose]();
  });

  /** Maps 3 pages from page 1 on of a file of 10,000 bytes; the middle one was written to. */
  async function makeFileMapping(more: Partial<VmaRecord> = {}): Promise<string> {
    const path = scratch.file('images');
    const file = scratch.file('mapped');
    await writeFile(file, Buffer.alloc(10_000, 0xaa));
    const { size, mtimeNs } = await stat(file, { bigint: true });
    const vma = anonVma(100, 103, {
      kind: 'file-private',
      path: file,
      offset: 4096,
      fileSize: Number(size),
      fileMtimeNs: mtimeNs,
      ...more,
    });
    const sourceFd = await scratch.source([9]);
    await using directory = await ImageDirectory.create(path, { target: TARGET });
    await addRound(directory, { kind: 'full', vmas: [vma], sourceFd, runs: [0, 102, 1] });
    return path;
  }

  it('reads each round of a chain', async () => {
    await using directory = await ImageDirectory.open(await makeChain(scratch));
    const expected = [
      [1, 2, 3, 4, 0],
      [1, 5, 3, 4, 0],
      [1, 5, 6, 4, 0],
    ];
    for (const [upTo, contents] of expected.entries()) {
      await using reader = new PageReader(directory, { upTo });
      const bytes = await reader.read(16, 5);
      expect(bytes.equals(Buffer.concat(contents.map(pageOf)))).to.equal(true);
    }
  });

  it('takes pages that were never written from the mapped file', async () => {
    await using directory = await ImageDirectory.open(await makeFileMapping());
    await using reader = new PageReader(directory);
    const bytes = await reader.read(100, 3);
    const lastPart = Buffer.concat([Buffer.alloc(10_000 - 8192, 0xaa), Buffer.alloc(4096)]);
    expect(bytes.subarray(0, 4096).equals(Buffer.alloc(4096, 0xaa))).to.equal(true);
    expect(bytes.subarray(4096, 8192).equals(lastPart.subarray(0, 4096))).to.equal(true);
    expect(bytes.subarray(8192).equals(pageOf(9))).to.equal(true);
  });

  it('says that the mapped file has changed', async () => {
    const path = await makeFileMapping();
    await utimes(scratch.file('mapped'), 1, 1);
    await using directory = await ImageDirectory.open(path);
    await using reader = new PageReader(directory);
    const error = await imageErrorOf(() => reader.read(100));
    expect(error.code).to.equal('FILE_CHANGED');
    expect(error.message).to.include(scratch.file('mapped'));
    expect((await reader.read(102)).equals(pageOf(9))).to.equal(true);
  });

  it('says that the mapped file is gone', async () => {
    await using directory = await ImageDirectory.open(await makeFileMapping({ path: '/nowhere' }));
    await using reader = new PageReader(directory);
    expect((await imageErrorOf(() => reader.read(101))).code).to.equal('FILE_UNREADABLE');
  });

  it('refuses a page that is in no mapping', async () => {
    await using directory = await ImageDirectory.open(await makeChain(scratch));
    await using reader = new PageReader(directory);
    for (const [page, nrPages] of [
      [15, 1],
      [32, 1],
      [31, 2],
    ] as const) {
      const error = await imageErrorOf(() => reader.read(page, nrPages));
      expect(error.code).to.equal('PAGE_NOT_MAPPED');
    }
    const error = await imageErrorOf(() => reader.read(32));
    expect(error.message).to.include('0x20000');
  });

  it('checks what it reads', async () => {
    const path = await makeChain(scratch);
    await writeFile(`${path}/round-0001.pages`, Buffer.alloc(4096, 1));
    await using directory = await ImageDirectory.open(path);
    await using reader = new PageReader(directory);
    expect((await reader.read(16)).equals(pageOf(1))).to.equal(true);
    const error = await imageErrorOf(() => reader.read(17));
    expect(error.code).to.equal('IMAGES_DAMAGED');
    expect(error.message).to.include('round 1, round-0001.pages: bytes 0 to 4096');
  });
});
