import { rm } from 'node:fs/promises';
import { expect } from 'chai';
import { findUnequal, ImageDirectory } from '../../../src/image/index.js';
import { addRound, anonVma, Scratch, TARGET } from './fixtures.js';

describe('findUnequal', () => {
  let scratch: Scratch;
  let images: ImageDirectory;

  /** An older round with the pages 1, 2, 3, and one that is being written with 4, 5. */
  beforeEach(async () => {
    scratch = await Scratch.create();
    images = await ImageDirectory.create(scratch.file('images'), { target: TARGET });
    const sourceFd = await scratch.source([1, 2, 3], 'older');
    const vmas = [anonVma(0, 100)];
    await addRound(images, { kind: 'full', vmas, sourceFd, runs: [0, 10, 3] });
  });

  afterEach(async () => {
    await images.close();
    await scratch[Symbol.asyncDispose]();
  });

  async function unequal(memory: readonly number[], pairs: readonly number[]) {
    await using writer = await images.beginRound();
    const sourceFd = await scratch.source([4, 5], 'current');
    await writer.member(0).append({ sourceFd, runs: Float64Array.of(0, 20, 2) });
    const memFd = await scratch.source(memory, 'memory');
    return await findUnequal(memFd, Float64Array.from(pairs), { images, writer }, {});
  }

  it('compares with older rounds, the one that is being written, and zeros', async () => {
    const memory = [1, 2, 9, 4, 9, 0, 9];
    const pairs = [0, 3, 0, 0, 3, 2, 1, 0, 5, 2, 0, -1];
    expect(await unequal(memory, pairs)).to.deep.equal(new Set([2, 4, 6]));
    expect(await unequal([2, 3], [0, 2, 0, 1])).to.deep.equal(new Set());
  });

  it('says nothing where a page cannot be read', async () => {
    expect(await unequal([1], [0, 2, 0, 0])).to.equal(undefined);
    await rm(images.pagesPath(0));
    expect(await unequal([1], [0, 1, 0, 0])).to.equal(undefined);
  });
});
