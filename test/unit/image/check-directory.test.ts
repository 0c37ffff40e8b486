import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkDirectory } from '../../../src/image/index.js';
import { imageErrorOf, makeChain, Scratch } from './fixtures.js';

describe('checkDirectory', () => {
  it('counts what it has checked', async () => {
    await using scratch = await Scratch.create();
    const progress = new Float64Array(1);
    const report = await checkDirectory(await makeChain(scratch), { progress });
    expect(report).to.deep.equal({
      nrRounds: 3,
      nrMembers: 1,
      nrExtents: 3,
      nrPages: 6,
      nrRefPages: 0,
      bytes: 6 * 4096,
    });
    expect(progress[0]).to.equal(6);
  });

  it('notices a flipped bit anywhere in a pages file, and says where', async () => {
    await using scratch = await Scratch.create();
    const path = await makeChain(scratch);
    const file = join(path, 'round-0000.pages');
    const whole = await readFile(file);
    for (let i = 0; i < whole.length; i += 511) {
      const damaged = Buffer.from(whole);
      damaged[i] = (damaged[i] ?? 0) ^ 1;
      await writeFile(file, damaged);
      const error = await imageErrorOf(() => checkDirectory(path));
      expect(error.code).to.equal('IMAGES_DAMAGED');
      expect(error.message).to.include('round 0, round-0000.pages: bytes 0 to 16384 do not match');
    }
  });

  it('stops on request', async () => {
    await using scratch = await Scratch.create();
    const path = await makeChain(scratch);
    const outcome = await checkDirectory(path, { signal: AbortSignal.abort() }).catch(
      (error: unknown) => error,
    );
    expect(outcome).to.include({ code: 'ABORT_ERR' });
  });
});
