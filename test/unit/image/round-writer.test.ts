import { mkdir, readdir, readFile, rmdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { crc32c } from '../../../src/image/crc32c.js';
import { ImageDirectory } from '../../../src/image/index.js';
import { addRound, anonVma, details, firstOf, pageOf, Scratch, TARGET } from './fixtures.js';

const ALL = [anonVma(0, 2 ** 36)];

describe('RoundWriter', () => {
  let scratch: Scratch;
  let directory: ImageDirectory;

  beforeEach(async () => {
    scratch = await Scratch.create();
    directory = await ImageDirectory.create(scratch.file('images'), { target: TARGET });
  });

  afterEach(async () => {
    await directory.close();
    await scratch[Symbol.asyncDispose]();
  });

  async function files(): Promise<string[]> {
    return (await readdir(directory.path)).filter((name) => name.startsWith('round-')).sort();
  }

  it('stores no bytes for pages of zeros', async () => {
    const sourceFd = await scratch.source([0, 0, 5, 0]);
    const meta = await addRound(directory, {
      kind: 'full',
      vmas: ALL,
      sourceFd,
      runs: [0, 100, 4],
    });
    expect((await stat(directory.pagesPath(0))).size).to.equal(4096);
    expect(meta.stats).to.include({ pages: 4, zeroPages: 3, bytes: 4096 });
    const extents = [0, 1, 2].map((i) => firstOf(meta).extents.at(i));
    expect(extents.map(({ page, nrPages, isZero }) => [page, nrPages, isZero])).to.deep.equal([
      [100, 2, true],
      [102, 1, false],
      [103, 1, true],
    ]);
  });

  it('takes a page for zeros only if its first and last bytes are', async () => {
    const pages = Buffer.alloc(3 * 4096);
    pages[4095] = 1;
    pages[4096] = 1;
    await writeFile(scratch.file('source'), pages);
    const sourceFd = await scratch.openFd(scratch.file('source'));
    const meta = await addRound(directory, { kind: 'full', vmas: ALL, sourceFd, runs: [0, 0, 3] });
    expect(meta.stats).to.include({ zeroPages: 1, bytes: 8192 });
    expect(await readFile(directory.pagesPath(0))).to.deep.equal(pages.subarray(0, 8192));
  });

  it('gives each extent of at most 256 pages its checksum', async () => {
    const contents = Array.from({ length: 600 }, (_, i) => i + 1);
    const sourceFd = await scratch.source(contents);
    const meta = await addRound(directory, {
      kind: 'full',
      vmas: ALL,
      sourceFd,
      runs: [0, 7, 600],
    });
    const bytes = await readFile(directory.pagesPath(0));
    expect(bytes.equals(Buffer.concat(contents.map(pageOf)))).to.equal(true);
    expect(firstOf(meta).extents.length).to.equal(3);
    for (const extent of [0, 1, 2].map((i) => firstOf(meta).extents.at(i))) {
      const start = extent.filePage * 4096;
      const checksum = crc32c(bytes.subarray(start, start + extent.nrPages * 4096));
      expect(extent.crc32c).to.equal(checksum);
    }
  });

  it('joins runs that go on at the next page, wherever they come from', async () => {
    const sourceFd = await scratch.source([1, 2, 3, 4]);
    const runs = [3, 50, 1, 0, 51, 2, 2, 60, 1];
    const meta = await addRound(directory, { kind: 'full', vmas: ALL, sourceFd, runs });
    const extents = [0, 1].map((i) => firstOf(meta).extents.at(i));
    expect(firstOf(meta).extents.length).to.equal(2);
    expect(extents.map(({ page, nrPages, filePage }) => [page, nrPages, filePage])).to.deep.equal([
      [50, 3, 0],
      [60, 1, 3],
    ]);
    const stored = await readFile(directory.pagesPath(0));
    expect(stored.equals(Buffer.concat([4, 1, 2, 3].map(pageOf)))).to.equal(true);
  });

  it('stores a terabyte of zeros in one record, and more in two', async () => {
    await using writer = await directory.beginRound();
    writer.member(0).appendZeros(0, 2 ** 32 + 5);
    const meta = await writer.commit(details({ kind: 'full', vmas: ALL }));
    const extents = [0, 1].map((i) => firstOf(meta).extents.at(i));
    expect(extents.map(({ page, nrPages }) => [page, nrPages])).to.deep.equal([
      [0, 2 ** 32 - 1],
      [2 ** 32 - 1, 6],
    ]);
  });

  it('counts progress in pages over several appends', async () => {
    const sourceFd = await scratch.source([1, 2, 0]);
    const progress = new Float64Array(1);
    await using writer = await directory.beginRound();
    await writer.member(0).append({ sourceFd, runs: Float64Array.of(0, 0, 3), progress });
    await writer.member(0).append({ sourceFd, runs: Float64Array.of(0, 9, 1), progress });
    expect(progress[0]).to.equal(4);
  });

  it('leaves nothing when it is stopped in the middle of a copy', async () => {
    await writeFile(scratch.file('huge'), '');
    await truncate(scratch.file('huge'), 2 ** 42);
    const sourceFd = await scratch.openFd(scratch.file('huge'));
    const progress = new Float64Array(1);
    const controller = new AbortController();
    const run = async () => {
      await using writer = await directory.beginRound();
      const runs = Float64Array.of(0, 0, 2 ** 30);
      await writer.member(0).append({ sourceFd, runs, progress, signal: controller.signal });
    };
    const outcome = run().catch((error: unknown) => error);
    while ((progress[0] ?? 0) < 1000) await nextTurn();
    expect(await files()).to.deep.equal(['round-0000.pages.tmp']);
    controller.abort();
    expect(await outcome).to.include({ name: 'AbortError', code: 'ABORT_ERR' });
    expect(await files()).to.deep.equal([]);
  }).timeout(20_000);

  it('stops a running copy when the directory is closed', async () => {
    await writeFile(scratch.file('huge'), '');
    await truncate(scratch.file('huge'), 2 ** 42);
    const sourceFd = await scratch.openFd(scratch.file('huge'));
    const writer = await directory.beginRound();
    const outcome = writer
      .member(0)
      .append({ sourceFd, runs: Float64Array.of(0, 0, 2 ** 30) })
      .catch((error: unknown) => error);
    await directory.close();
    expect(await outcome).to.include({ code: 'ABORT_ERR' });
    expect(await files()).to.deep.equal([]);
  }).timeout(20_000);

  it('can be used again after a source could not be read', async () => {
    const sourceFd = await scratch.source([1, 2]);
    await using writer = await directory.beginRound();
    const failed = await writer
      .member(0)
      .append({ sourceFd, sourceName: 'the old region', runs: Float64Array.of(0, 10, 5) })
      .catch((error: unknown) => error);
    expect(failed).to.include({ code: 'EIO', syscall: 'pread' });
    expect(String(failed)).to.include('page 2 of the old region');
    await writer.member(0).append({ sourceFd, runs: Float64Array.of(0, 10, 2) });
    const meta = await writer.commit(details({ kind: 'full', vmas: ALL }));
    expect(meta.stats).to.include({ pages: 2, bytes: 8192 });
    expect((await stat(directory.pagesPath(0))).size).to.equal(8192);
  });

  it('reports pages that cannot be read where that is allowed', async () => {
    const sourceFd = await scratch.source([1, 2]);
    await using writer = await directory.beginRound();
    const result = await writer.member(0).append({
      sourceFd,
      runs: Float64Array.of(1, 10, 4, 0, 20, 1),
      allowUnreadable: true,
    });
    expect([...result.unreadable]).to.deep.equal([0, 11, 3]);
    expect(result.nrPages).to.equal(2);
  });

  it('leaves nothing when it is discarded, and lets the next round begin', async () => {
    const sourceFd = await scratch.source([1]);
    const dropped = await directory.beginRound();
    await dropped.member(0).append({ sourceFd, runs: Float64Array.of(0, 0, 1) });
    await dropped.discard();
    await dropped.discard();
    expect(await files()).to.deep.equal([]);
    const meta = await addRound(directory, { kind: 'full', vmas: ALL });
    expect(meta).to.include({ number: 0, parent: null });
  });

  it('is not undone by discard after commit', async () => {
    const writer = await directory.beginRound();
    await writer.commit(details({ kind: 'full', vmas: ALL }));
    await writer.discard();
    expect(await files()).to.deep.equal(['round-0000.meta', 'round-0000.pages']);
    expect(directory.rounds).to.have.length(1);
  });

  it('refuses a second round, a second call and calls after the end', async () => {
    const sourceFd = await scratch.source([1]);
    const options = { sourceFd, runs: Float64Array.of(0, 0, 1) };
    const writer = await directory.beginRound();
    const messageOf = (promise: Promise<unknown>) =>
      promise.catch((error: unknown) => String(error));
    expect(await messageOf(directory.beginRound())).to.include('not finished');
    const first = writer.member(0).append(options);
    expect(await messageOf(writer.member(0).append(options))).to.include('busy');
    await first;
    await writer.discard();
    expect(await messageOf(writer.member(0).append(options))).to.include('has ended');
    expect(await messageOf(writer.commit(details()))).to.include('has ended');
  });

  it('refuses a first round that is no full one, and VMAs out of order', async () => {
    await using writer = await directory.beginRound();
    const messageOf = (promise: Promise<unknown>) =>
      promise.catch((error: unknown) => String(error));
    expect(await messageOf(writer.commit(details()))).to.include('member 0: begins with a delta');
    const vmas = [anonVma(5, 9), anonVma(8, 10)];
    const message = await messageOf(writer.commit(details({ kind: 'full', vmas })));
    expect(message).to.include('not sorted');
    expect(await files()).to.deep.equal(['round-0000.pages.tmp']);
  });

  it('keeps the chain whole when a file cannot be written', async () => {
    await addRound(directory, { kind: 'full', vmas: ALL });
    await using writer = await directory.beginRound();
    writer.member(0).appendZeros(1, 1);
    // A directory in the way of the metadata's temporary name.
    await mkdir(join(directory.path, 'round-0001.meta.tmp'));
    const error = await writer.commit(details()).catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'IMAGES_WRITE_FAILED' });
    await rmdir(join(directory.path, 'round-0001.meta.tmp'));
    expect(await files()).to.deep.equal(['round-0000.meta', 'round-0000.pages']);
    expect((await addRound(directory, {})).number).to.equal(1);
  });
});
