import { execFile } from 'node:child_process';
import { readFileSync, readSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, statfs, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { crc32c } from '../../src/image/crc32c.js';
import {
  checkDirectory,
  compareMemory,
  type CompareMemoryOptions,
  ExtentTable,
  ImageDirectory,
  PAGE_SIZE,
  type VmaRecord,
} from '../../src/image/index.js';
import { native } from '../../src/native.js';
import { parseMaps } from '../../src/proc/maps.js';
import { Program } from '../support/programs.js';
import {
  addRound,
  anonVma,
  details,
  imageErrorOf,
  makeChain,
  pageOf,
  Scratch,
  TARGET,
} from '../unit/image/fixtures.js';
import { Random } from '../unit/image/random.js';

const run = promisify(execFile);

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('native page copy', () => {
  let scratch: Scratch;

  beforeEach(async () => {
    scratch = await Scratch.create();
  });

  afterEach(async () => {
    await scratch[Symbol.asyncDispose]();
  });

  describe('copyPages', () => {
    it('computes the same checksums as the JavaScript side', async () => {
      const random = new Random();
      const bytes = Buffer.from(Array.from({ length: 20 * PAGE_SIZE }, () => random.below(256)));
      await writeFile(scratch.file('source'), bytes);
      const { extents, ...result } = await native.copyPages({
        sources: [
          {
            fd: await scratch.openFd(scratch.file('source')),
            runs: Float64Array.of(0, 5, 20),
          },
        ],
        outFd: await scratch.openFd(scratch.file('out'), 'w+'),
        outOffset: 3 * PAGE_SIZE,
        round: 6,
      });
      expect(result).to.include({ nrPages: 20, nrZeroPages: 0, bytesWritten: bytes.length });
      const table = new ExtentTable(extents);
      expect(table.length).to.equal(1);
      expect(table.at(0)).to.include({ page: 5, nrPages: 20, filePage: 3, crc32c: crc32c(bytes) });
      expect(table.round(0)).to.equal(6);
    });

    it('refuses run tables that make no sense', () => {
      const out = { outFd: 0, outOffset: 0 };
      for (const runs of [
        [1, 2],
        [0.5, 1, 1],
        [-1, 1, 1],
        [0, -1, 1],
        [0, 0, NaN],
        [0, 0, -1],
      ]) {
        const sources = [{ fd: 0, runs: Float64Array.from(runs) }];
        const copy = () => native.copyPages({ ...out, sources });
        expect(copy, String(runs)).to.throw(TypeError, 'triples');
      }
      expect(() => native.copyPages({ ...out, sources: [], outOffset: 1 })).to.throw(
        TypeError,
        '4096',
      );
    });

    it('names the call and the file that fails', async () => {
      const source = { fd: await scratch.source([1]), runs: Float64Array.of(0, 0, 1) };
      const noSource = await errorOf(
        native.copyPages({ sources: [{ ...source, fd: 9999 }], outFd: 9999, outOffset: 0 }),
      );
      expect(noSource).to.include({ code: 'EBADF', syscall: 'pread' });
      const full = await scratch.openFd('/dev/full', 'w');
      const onFull = await errorOf(
        native.copyPages({ sources: [source], outFd: full, outOffset: 0, outName: '/dev/full' }),
      );
      expect(onFull).to.include({ code: 'ENOSPC', syscall: 'pwrite' });
      expect(String(onFull)).to.include('/dev/full');
    });

    it('pads the last page of a file with zeros, and reports what is behind it', async () => {
      const source = scratch.file('part');
      await writeFile(source, Buffer.alloc(PAGE_SIZE + 100, 7));
      const outFd = await scratch.openFd(scratch.file('out'), 'w+');
      const fd = await scratch.openFd(source, 'r');
      const result = await native.copyPages({
        sources: [{ fd, runs: Float64Array.of(0, 10, 3), allowUnreadable: true }],
        outFd,
        outOffset: 0,
      });
      expect([...result.unreadable]).to.deep.equal([0, 12, 1]);
      expect(result.bytesWritten).to.equal(2 * PAGE_SIZE);
      const stored = Buffer.alloc(PAGE_SIZE);
      readSync(outFd, stored, 0, PAGE_SIZE, PAGE_SIZE);
      const expected = Buffer.concat([Buffer.alloc(100, 7), Buffer.alloc(PAGE_SIZE - 100)]);
      expect(stored.equals(expected)).to.equal(true);
    });

    it('reads memory of a process, and reports the hole behind it', async () => {
      const memFd = await scratch.openFd('/proc/self/mem', 'r');
      const { stdout: maps } = await run('cat', [`/proc/${process.pid}/maps`]);
      const binary = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(maps);
      const page = parseInt(binary?.[1] ?? '', 16) / PAGE_SIZE;
      // Page 0 is never mapped, and the last page of the address space is no valid offset.
      const runs = Float64Array.of(page, page, 1, 0, 0, 2, 2 ** 52 - 1, 2 ** 52 - 1, 1);
      const result = await native.copyPages({
        sources: [{ fd: memFd, runs, allowUnreadable: true }],
        outFd: await scratch.openFd(scratch.file('out'), 'w+'),
        outOffset: 0,
      });
      expect(result.nrPages).to.equal(1);
      expect([...result.unreadable]).to.deep.equal([0, 0, 2, 0, 2 ** 52 - 1, 1]);
    });

    it('reads all that it is allowed to of the process that is named, and what nobody may read', async () => {
      using program = await Program.start('restore/memory', scratch.path);
      const maps = parseMaps(readFileSync(`/proc/${program.pid}/maps`, 'utf8'));
      const own = maps.filter(({ path }) => !path.startsWith('['));
      const runs = Float64Array.from(
        own.flatMap(({ startPage, endPage }) => [startPage, startPage, endPage - startPage]),
      );
      const fd = await scratch.openFd(`/proc/${program.pid}/mem`, 'r');
      const results = await Promise.all(
        [{}, { pid: program.pid }].map(async (owner, i) =>
          native.copyPages({
            sources: [{ fd, ...owner, runs, allowUnreadable: true }],
            outFd: await scratch.openFd(scratch.file(`out-${i}`), 'w+'),
            outOffset: 0,
          }),
        ),
      );
      expect(results[1]).to.deep.equal(results[0]);
      expect(results[0]?.nrPages).to.be.greaterThan(1000);
      expect(own.some(({ perms }) => perms.startsWith('---'))).to.equal(true);
    });

    it('copies from several sources in one job, in their order', async () => {
      const first = await scratch.source([1, 2], 'first');
      const second = await scratch.source([0, 3], 'second');
      const { extents, ...result } = await native.copyPages({
        sources: [
          { fd: first, runs: Float64Array.of(1, 10, 1) },
          { fd: second, runs: Float64Array.of(0, 20, 2, 2, 30, 1), allowUnreadable: true },
          { fd: first, runs: Float64Array.of(0, 40, 1) },
        ],
        outFd: await scratch.openFd(scratch.file('out'), 'w+'),
        outOffset: 0,
      });
      const table = new ExtentTable(extents);
      const pages = Array.from({ length: table.length }, (_, i) => table.page(i));
      expect(pages).to.deep.equal([10, 20, 21, 40]);
      expect(result).to.include({ nrPages: 4, nrZeroPages: 1, bytesWritten: 3 * PAGE_SIZE });
      expect([...result.unreadable]).to.deep.equal([1, 30, 1]);
    });
  });

  describe('checkExtents', () => {
    it('gives the index of the first extent that does not match', async () => {
      const fd = await scratch.source([1, 2, 3]);
      const outFd = await scratch.openFd(scratch.file('out'), 'w+');
      const sources = [{ fd, runs: Float64Array.of(0, 0, 1, 1, 10, 1, 2, 20, 1) }];
      const { extents } = await native.copyPages({ sources, outFd, outOffset: 0 });
      expect(await native.checkExtents({ fd: outFd, extents })).to.equal(-1);
      const out = await open(scratch.file('out'), 'r+');
      await out.write(Buffer.of(99), 0, 1, PAGE_SIZE + 77);
      expect(await native.checkExtents({ fd: outFd, extents })).to.equal(1);
      await out.truncate(0);
      expect(await native.checkExtents({ fd: outFd, extents })).to.equal(0);
      await out.close();
    });
  });

  describe('dataRuns', () => {
    it('finds the data of each range, cut to it, and none behind the end', async () => {
      const file = await open(scratch.file('sparse'), 'w+');
      await file.truncate(100 * PAGE_SIZE);
      await file.write(Buffer.alloc(4 * PAGE_SIZE, 1), 0, 4 * PAGE_SIZE, 20 * PAGE_SIZE);
      await file.write(Buffer.of(1), 0, 1, 50 * PAGE_SIZE + 7);
      await file.close();
      const fd = await scratch.openFd(scratch.file('sparse'), 'r');
      const pairs = [0, 100, 22, 23, 24, 50, 23, 200, 300, 400];
      const ranges = pairs.flatMap((page, i) => (i % 2 === 0 ? [0, page] : [page]));
      const runs = [0, 20, 4, 0, 50, 1, 1, 22, 1, 3, 23, 1, 3, 50, 1];
      expect([...(await native.dataRuns([fd], Float64Array.from(ranges)))]).to.deep.equal(runs);
    });

    it('finds the data of several files', async () => {
      const fds = [await scratch.source([1], 'first'), await scratch.source([1, 2], 'second')];
      const ranges = Float64Array.of(1, 0, 9, 0, 0, 9, 1, 1, 2);
      expect([...(await native.dataRuns(fds, ranges))]).to.deep.equal([0, 0, 2, 1, 0, 1, 2, 1, 1]);
    });
  });

  describe('compareMemory', () => {
    /** A file stands in for /proc/PID/mem: page n at byte n * 4096. */
    async function makeMemory(contents: readonly number[]): Promise<number> {
      return scratch.source([...Array.from({ length: 16 }, () => 0), ...contents], 'memory');
    }

    it('finds no difference where there is none', async () => {
      await using directory = await ImageDirectory.open(await makeChain(scratch));
      const memFd = await makeMemory([1, 5, 6, 4, ...Array.from({ length: 12 }, () => 0)]);
      const result = await compareMemory(directory, { memFd });
      expect(result).to.deep.equal({
        nrPages: 16,
        nrMismatches: 0,
        mismatches: new Float64Array(0),
        nrUnreadable: 0,
        nrBeyondEnd: 0,
      });
    });

    it('counts pages that differ, and lists the first ones', async () => {
      await using directory = await ImageDirectory.open(await makeChain(scratch));
      const memFd = await makeMemory([1, 2, 3, 4, 0, 9]);
      const result = await compareMemory(directory, { memFd, limit: 2 });
      expect(result).to.include({ nrPages: 6, nrMismatches: 3, nrUnreadable: 10 });
      expect([...result.mismatches]).to.deep.equal([17, 18]);
    });

    it('compares what was never stored with the mapped file', async () => {
      await writeFile(scratch.file('mapped'), Buffer.alloc(PAGE_SIZE + 100, 0xaa));
      const vma = anonVma(16, 18, { kind: 'file-shared', path: scratch.file('mapped') });
      const path = scratch.file('images');
      await using directory = await ImageDirectory.create(path, { target: TARGET });
      await addRound(directory, { kind: 'full', vmas: [vma] });
      const padded = Buffer.alloc(18 * PAGE_SIZE);
      padded.fill(0xaa, 16 * PAGE_SIZE, 17 * PAGE_SIZE + 100);
      await writeFile(scratch.file('memory'), padded);
      const memFd = await scratch.openFd(scratch.file('memory'));
      expect(await compareMemory(directory, { memFd })).to.include({ nrPages: 2, nrMismatches: 0 });
      padded[17 * PAGE_SIZE + 100] = 1;
      await writeFile(scratch.file('memory'), padded);
      expect(await compareMemory(directory, { memFd })).to.include({ nrPages: 2, nrMismatches: 1 });
    });

    /** Images of one mapping without a page, of which `/proc/PID/pagemap` says that some exist. */
    async function makeSparse(
      vma: VmaRecord,
      mapped: readonly number[],
      existing: readonly number[],
    ): Promise<{ directory: ImageDirectory; options: Partial<CompareMemoryOptions> }> {
      const directory = await ImageDirectory.create(scratch.file('images'), { target: TARGET });
      await addRound(directory, { kind: 'full', vmas: [vma] });
      await scratch.source(mapped, 'mapped');
      const pagemap = Buffer.alloc(8 * 32);
      for (const page of existing) pagemap.writeBigUInt64LE(1n << 63n, 8 * page);
      await writeFile(scratch.file('pagemap'), pagemap);
      const pagemapFd = await scratch.openFd(scratch.file('pagemap'));
      const openMappedFile = () => open(scratch.file('mapped'), 'r');
      return { directory, options: { pagemapFd, openMappedFile } };
    }

    it("leaves out a file's pages that the target does not have", async () => {
      const vma = anonVma(16, 22, { kind: 'file-private', offset: PAGE_SIZE });
      const { directory, options } = await makeSparse(
        vma,
        [9, 10, 11, 12, 13, 14, 15],
        [17, 19, 20],
      );
      const memFd = await makeMemory([0, 11, 0, 13, 99, 0]);
      const result = await compareMemory(directory, { ...options, memFd });
      expect(result).to.include({ nrPages: 3, nrMismatches: 1 });
      expect([...result.mismatches]).to.deep.equal([20]);
      await directory.close();
    });

    it('compares shared memory where its file has data, whoever has put it there', async () => {
      const vma = anonVma(16, 32, { kind: 'anon-shared', offset: 2 * PAGE_SIZE });
      const { directory, options } = await makeSparse(vma, [], []);
      const file = await open(scratch.file('mapped'), 'r+');
      await file.truncate(64 * PAGE_SIZE);
      await file.write(pageOf(5), 0, PAGE_SIZE, 7 * PAGE_SIZE);
      await file.write(pageOf(6), 0, PAGE_SIZE, 40 * PAGE_SIZE);
      await file.close();
      const memory = Array.from({ length: 16 }, (_, i) => (i === 5 ? 5 : 0));
      const memFd = await makeMemory(memory);
      const result = await compareMemory(directory, { ...options, memFd });
      expect(result).to.include({ nrPages: 1, nrMismatches: 1 });
      expect([...result.mismatches]).to.deep.equal([21]);
      await directory.close();
    });

    it('tells what lies behind the end of its file from what cannot be read', async () => {
      const vma = anonVma(16, 22, { kind: 'anon-shared', offset: PAGE_SIZE });
      const other = anonVma(30, 32, { kind: 'anon-shared', offset: 4 * PAGE_SIZE });
      const { directory, options } = await makeSparse(vma, [0, 1, 2, 3, 4], []);
      const sourceFd = await scratch.source([1, 2, 3, 4, 5, 6, 7, 8]);
      const runs = [0, 16, 6, 6, 30, 2];
      await addRound(directory, { vmas: [vma, other], sourceFd, runs });
      const memFd = await makeMemory([1, 2, 3]);
      const opened: FileHandle[] = [];
      const openMappedFile = async () => {
        const file = await open(scratch.file('mapped'), 'r');
        opened.push(file);
        return file;
      };
      const result = await compareMemory(directory, { ...options, openMappedFile, memFd });
      expect(opened.map(({ fd }) => fd)).to.deep.equal([-1]);
      expect(result).to.include({ nrPages: 3, nrMismatches: 0, nrUnreadable: 2, nrBeyondEnd: 3 });
      await directory.close();
    });

    it('agrees with the memory of a process, read by the kernel', async () => {
      const path = scratch.file('images');
      const memFd = await scratch.openFd('/proc/self/mem', 'r');
      const { stdout: maps } = await run('cat', [`/proc/${process.pid}/maps`]);
      const text = /^([0-9a-f]+)-([0-9a-f]+) r-xp/m.exec(maps);
      const startPage = parseInt(text?.[1] ?? '', 16) / PAGE_SIZE;
      const endPage = Math.min(parseInt(text?.[2] ?? '', 16) / PAGE_SIZE, startPage + 2000);
      const runs = [startPage, startPage, endPage - startPage];
      await using directory = await ImageDirectory.create(path, { target: TARGET });
      const vmas = [anonVma(startPage, endPage)];
      await addRound(directory, { kind: 'full', vmas, sourceFd: memFd, runs });
      const result = await compareMemory(directory, { memFd });
      expect(result).to.include({ nrPages: endPage - startPage, nrMismatches: 0 });
    });

    it('stops on request', async () => {
      await using directory = await ImageDirectory.open(await makeChain(scratch));
      const memFd = await makeMemory([1]);
      const outcome = errorOf(compareMemory(directory, { memFd, signal: AbortSignal.abort() }));
      expect(await outcome).to.include({ code: 'ABORT_ERR' });
    });
  });

  describe('on a full disk', () => {
    let mount: string;

    beforeEach(async () => {
      mount = scratch.file('small');
      await mkdir(mount);
      await run('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount]);
    });

    afterEach(async () => {
      await run('umount', [mount]);
    });

    const VMAS = [anonVma(0, 1000)];

    it('drops the round, says what to do, and keeps the chain whole', async () => {
      const sourceFd = await scratch.source(Array.from({ length: 100 }, (_, i) => i + 1));
      const path = `${mount}/images`;
      await using directory = await ImageDirectory.create(path, { target: TARGET });
      await addRound(directory, { kind: 'full', vmas: VMAS, sourceFd, runs: [0, 0, 10] });
      const names = await readdir(path);

      await using writer = await directory.beginRound();
      const error = await imageErrorOf(() =>
        writer.member(0).append({ sourceFd, runs: Float64Array.of(0, 0, 100) }),
      );
      expect(error.code).to.equal('IMAGES_NO_SPACE');
      expect(error.message).to.include('round 1').and.include('make room');
      expect(await readdir(path)).to.have.members(names);
      expect(await checkDirectory(path)).to.include({ nrRounds: 1, nrPages: 10 });

      await addRound(directory, { sourceFd, runs: [50, 0, 5] });
      expect(await checkDirectory(path)).to.include({ nrRounds: 2, nrPages: 15 });
    });

    it('drops the round when only the metadata does not fit', async () => {
      const path = `${mount}/images`;
      await using directory = await ImageDirectory.create(path, { target: TARGET });
      const names = await readdir(path);
      await using writer = await directory.beginRound();
      const { bfree, bsize } = await statfs(mount);
      await writeFile(`${mount}/filler`, Buffer.alloc(bfree * bsize));
      const error = await imageErrorOf(() => writer.commit(details({ kind: 'full', vmas: VMAS })));
      expect(error.code).to.equal('IMAGES_NO_SPACE');
      expect(await readdir(path)).to.have.members(names);
    });

    it('says so when there is no room for a new directory', async () => {
      const { bfree, bsize } = await statfs(mount);
      await writeFile(`${mount}/filler`, Buffer.alloc(bfree * bsize));
      const create = () => ImageDirectory.create(`${mount}/images`, { target: TARGET });
      expect((await imageErrorOf(create)).code).to.equal('IMAGES_NO_SPACE');
    });
  });
});
