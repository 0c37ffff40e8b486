import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { readFrames } from '../../../src/proc/page-frames.js';

const present = 1n << 63n;
const swapped = 1n << 62n;
const softDirty = 1n << 55n;

describe('readFrames', () => {
  const proc = mkdtempSync(path.join(tmpdir(), 'tracker-proc-'));

  after(() => {
    rmSync(proc, { recursive: true });
  });

  function frames(entries: readonly bigint[], runs: readonly number[]): number[] {
    mkdirSync(`${proc}/7`, { recursive: true });
    writeFileSync(`${proc}/7/pagemap`, BigUint64Array.from(entries));
    return [...readFrames(7, Float64Array.from(runs), proc)];
  }

  it('joins pages whose frames are consecutive', () => {
    const entries = [5n, 6n, 7n, 9n, 10n].map((frame) => present | softDirty | frame);
    expect(frames(entries, [0, 5])).to.deep.equal([5, 0, 3, 9, 3, 2]);
    expect(frames(entries, [1, 1, 4, 1])).to.deep.equal([6, 1, 1, 10, 4, 1]);
  });

  it('keeps all 55 bits of a frame', () => {
    expect(frames([present | 0x12345678abcdn], [0, 1])).to.deep.equal([0x12345678abcd, 0, 1]);
  });

  it('leaves out what is swapped out, absent, or not told', () => {
    expect(frames([swapped | 99n, 0n, present, present | 3n], [0, 4])).to.deep.equal([3, 3, 1]);
  });

  it('stops where the page map ends', () => {
    expect(frames([present | 3n], [0, 4, 9, 1])).to.deep.equal([3, 0, 1]);
  });

  it('names a process that has gone', () => {
    expect(() => readFrames(8, Float64Array.of(0, 1), proc)).to.throw(
      'cannot read the page map of pid 8',
    );
  });
});
