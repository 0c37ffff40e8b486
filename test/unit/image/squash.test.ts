import { mkdir, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { ImageDirectory, PageReader, squash } from '../../../src/image/index.js';
import {
  addRound,
  anonVma,
  firstOf,
  imageErrorOf,
  makeChain,
  pageOf,
  Scratch,
  TARGET,
} from './fixtures.js';

describe('squash', () => {
  let scratch: Scratch;

  beforeEach(async () => {
    scratch = await Scratch.create();
  });

  afterEach(async () => {
    await scratch[Symbol.asyncDispose]();
  });

  it('gives one full round with only the newest version of each page', async () => {
    const path = await makeChain(scratch);
    const out = scratch.file('out');
    await squash(path, out);
    await using directory = await ImageDirectory.open(out);
    expect(directory.last).to.include({ number: 0, parent: null });
    expect(firstOf(directory.last)).to.include({ kind: 'full', epoch: 3 });
    expect((await stat(directory.pagesPath(0))).size).to.equal(4 * 4096);
    await using reader = new PageReader(directory);
    const expected = Buffer.concat([1, 5, 6, 4].map(pageOf));
    expect((await reader.read(16, 4)).equals(expected)).to.equal(true);
  });

  it('keeps unknown fields, the newest value of each', async () => {
    const path = scratch.file('images');
    {
      const unknownFields = { directory: 1 };
      await using directory = await ImageDirectory.create(path, { target: TARGET, unknownFields });
      const vmas = [anonVma(1, 2)];
      await addRound(directory, { kind: 'full', vmas, unknownFields: { old: 1, both: 1 } });
      await addRound(directory, { unknownFields: { both: 2, fresh: 2 } });
    }
    await squash(path, scratch.file('out'));
    await using directory = await ImageDirectory.open(scratch.file('out'));
    expect(directory.manifest.unknownFields).to.deep.equal({ directory: 1 });
    expect(directory.last?.unknownFields).to.deep.include({ old: 1, both: 2, fresh: 2 });
  });

  it('gives images that can be continued', async () => {
    const path = await makeChain(scratch);
    const out = scratch.file('out');
    await squash(path, out);
    const sourceFd = await scratch.source([77], 'more');
    await using directory = await ImageDirectory.open(out, { write: true });
    const meta = await addRound(directory, { epoch: 4, sourceFd, runs: [0, 16, 1] });
    expect(meta.number).to.equal(1);
    await using reader = new PageReader(directory);
    const expected = Buffer.concat([77, 5, 6, 4].map(pageOf));
    expect((await reader.read(16, 4)).equals(expected)).to.equal(true);
  });

  it('rescues the rounds before a damaged one', async () => {
    const path = await makeChain(scratch);
    await truncate(join(path, 'round-0002.pages'), 0);
    const out = scratch.file('out');
    expect((await imageErrorOf(() => squash(path, out))).code).to.equal('IMAGES_TRUNCATED');
    const meta = await squash(path, out, { upTo: 1 });
    expect(firstOf(meta).epoch).to.equal(2);
  });

  it('leaves nothing behind when a checksum is wrong', async () => {
    const path = await makeChain(scratch);
    await writeFile(join(path, 'round-0001.pages'), pageOf(99));
    const error = await imageErrorOf(() => squash(path, scratch.file('out')));
    expect(error.code).to.equal('IMAGES_DAMAGED');
    expect(error.message).to.include('round 1');
    expect(await readdir(scratch.path)).to.not.include('out');
  });

  it('leaves an empty directory empty when it is stopped', async () => {
    const path = await makeChain(scratch);
    const out = scratch.file('out');
    await mkdir(out);
    const outcome = await squash(path, out, { signal: AbortSignal.abort() }).catch(
      (error: unknown) => error,
    );
    expect(outcome).to.include({ code: 'ABORT_ERR' });
    expect(await readdir(out)).to.deep.equal([]);
  });

  it('refuses its own source, a directory with images, and images without a round', async () => {
    const path = await makeChain(scratch);
    const other = await makeChain(scratch, 'other');
    expect((await imageErrorOf(() => squash(path, path))).code).to.equal('IMAGES_EXIST');
    expect((await imageErrorOf(() => squash(path, other))).code).to.equal('IMAGES_EXIST');
    const empty = await ImageDirectory.create(scratch.file('empty'), { target: TARGET });
    await empty.close();
    const error = await imageErrorOf(() => squash(empty.path, scratch.file('out')));
    expect(error.code).to.equal('IMAGES_EMPTY');
    expect(await readdir(scratch.path)).to.not.include('out');
  });
});
