import { open } from 'node:fs/promises';
import { expect } from 'chai';
import { Verification } from '../../src/dump/verify.js';
import { ImageDirectory, type VmaRecord } from '../../src/image/index.js';
import { Pages } from '../support/pages.js';
import { fakeSession, tracked, vma } from '../unit/dump/fixtures.js';
import { addRound, Scratch, TARGET } from '../unit/image/fixtures.js';

const nrPages = 8;

describe('Verification, of a real process', () => {
  let scratch: Scratch;
  let target: Pages;
  let page: number;

  beforeEach(async () => {
    scratch = await Scratch.create();
    target = await Pages.start();
  });

  afterEach(async () => {
    target[Symbol.dispose]();
    await scratch[Symbol.asyncDispose]();
  });

  /**
   * Stores the memory of a mapping that is called `record`; then the target writes to some of its
   * pages, of which the log has `logged`.
   */
  async function verify(
    record: (page: number) => VmaRecord,
    sharers: number[],
    { written, logged }: { written: number[]; logged: number[] },
  ) {
    const area = await target.map(nrPages * 4096);
    ({ page } = area);
    await target.write(area, 0, nrPages, 1);
    await using images = await ImageDirectory.create(scratch.file('images'), { target: TARGET });
    await using memory = await open(`/proc/${target.pid}/mem`, 'r');
    const vmas = [record(page)];
    const runs = [page, page, nrPages];
    await addRound(images, { kind: 'full', vmas, sourceFd: memory.fd, runs });
    for (const index of written) await target.write(area, index, 1, 2);
    const calls: string[] = [];
    const session = fakeSession({
      pid: target.pid,
      sharers: () => Promise.resolve(sharers),
      harvest: () => {
        calls.push('harvest');
        const table = Float64Array.from(logged.flatMap((index) => [1, index, 1]));
        const rest = { nrPages: logged.length, nrPinned: 0, nrRescans: 0, overflow: false };
        return Promise.resolve({ epoch: 9, runs: table, ...rest });
      },
      abort: (epoch) => calls.push(`abort ${epoch}`),
    });
    const verification = new Verification({ session, images, member: 0, vmas });
    await verification.beforeRevert();
    const nrBefore = verification.report.pages;
    await verification.afterRevert();
    return { calls, nrBefore, report: verification.report };
  }

  function sharedMapping(startPage: number): VmaRecord {
    const more = { kind: 'file-shared', shared: true } as const;
    return tracked(startPage, startPage + nrPages, 1, 0, more);
  }

  it('tells what others have changed since the final harvest from what was lost', async () => {
    const changes = { written: [2, 5], logged: [5, 6] };
    const { calls, nrBefore, report } = await verify(sharedMapping, [1], changes);
    expect(report).to.deep.include({ pages: nrPages, lostWrites: 1, changedByOthers: 1 });
    expect(report.lostAddresses).to.deep.equal([`0x${((page + 2) * 4096).toString(16)}`]);
    expect(nrBefore).to.equal(nrPages);
    // What is not explained at once may be a system call under way.
    expect(calls.length).to.be.greaterThan(2);
    expect(new Set(calls)).to.deep.equal(new Set(['harvest', 'abort 9']));
  });

  it('takes one harvest where it explains every difference', async () => {
    const { calls, report } = await verify(sharedMapping, [], { written: [2], logged: [2] });
    expect(report).to.deep.include({ lostWrites: 0, changedByOthers: 1 });
    expect(calls).to.deep.equal(['harvest', 'abort 9']);
  });

  it('takes no harvest where nothing differs', async () => {
    const { calls, report } = await verify(sharedMapping, [1], { written: [], logged: [] });
    expect(report).to.deep.include({ pages: nrPages, lostWrites: 0, changedByOthers: 0 });
    expect(calls).to.deep.equal([]);
  });

  it('compares private memory after the revert, and believes no log', async () => {
    const changes = { written: [3], logged: [3] };
    const record = (startPage: number) => vma(startPage, startPage + nrPages);
    const { calls, nrBefore, report } = await verify(record, [1], changes);
    expect(nrBefore).to.equal(0);
    expect(report).to.deep.include({ pages: nrPages, lostWrites: 1, changedByOthers: 0 });
    expect(calls).to.deep.equal([]);
  });
});
