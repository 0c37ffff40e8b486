import { expect } from 'chai';
import { MostlyUnwritten } from '../../../src/dump/mostly-unwritten.js';
import { PinnedRanges } from '../../../src/dump/pinned-ranges.js';
import { noFreeze } from '../../../src/dump/reports.js';
import type { RoundContext } from '../../../src/dump/round.js';
import { SharedMappings } from '../../../src/dump/sharing.js';
import { swapNew } from '../../../src/dump/swap-new.js';
import { DeviceError } from '../../../src/errors.js';
import type { Layout } from '../../../src/kernel/layout.js';
import type { Session } from '../../../src/kernel/session.js';
import { fakeSession, layoutOf, tracked, vma } from './fixtures.js';

const memory = { kind: 'anon-shared', shared: true, state: 'swappable' } as const;
const before = layoutOf(
  vma(100, 110, memory),
  vma(200, 210, { ...memory, kind: 'file-shared' }),
  vma(300, 310),
);
const after = layoutOf(tracked(100, 110, 1), tracked(200, 210, 2), vma(300, 310));

/** A target that nobody can freeze: pid 0 does not exist. */
function contextOf(calls: Partial<Session>): RoundContext {
  return {
    pid: 0,
    session: fakeSession(calls),
    pinned: new PinnedRanges(),
    unwritten: new MostlyUnwritten(),
    sharedMappings: new SharedMappings(),
  } as RoundContext;
}

function contextWith(layout: Layout, refused: readonly number[] = []) {
  const swapped: number[][] = [];
  const swapShared = (ranges: Float64Array) => {
    const isRefused = (_: number, i: number) => i % 2 === 0 && refused.includes(ranges[i] ?? 0);
    const index = ranges.findIndex(isRefused);
    const nrDone = (index < 0 ? ranges.length : index) / 2;
    if (nrDone > 0) swapped.push([...ranges.subarray(0, nrDone * 2)]);
    if (index < 0) return Promise.resolve({ nrDone, nrPages: 0 });
    const facts = { facts: { nrDone } };
    return Promise.reject(new DeviceError('NOT_SWAPPABLE', 'it has changed', facts));
  };
  return { swapped, context: contextOf({ swapShared, layout: () => Promise.resolve(layout) }) };
}

describe('swapNew', () => {
  it('swaps shared mappings without a freeze', async () => {
    const { swapped, context } = contextWith(after);
    const result = await swapNew(context, before, false);
    expect(swapped).to.deep.equal([[100, 110, 200, 210]]);
    expect(result).to.deep.equal({
      layout: after,
      names: [],
      nrVmas: 2,
      nrPages: 0,
      freeze: noFreeze,
    });
  });

  it('leaves out a shared mapping that has changed meanwhile', async () => {
    const { swapped, context } = contextWith(after, [100]);
    expect((await swapNew(context, before, false)).nrVmas).to.equal(1);
    expect(swapped).to.deep.equal([[200, 210]]);
  });

  it('does nothing without new mappings', async () => {
    const result = await swapNew(contextOf({}), after, false);
    expect(result).to.deep.include({ layout: after, nrVmas: 0 });
  });

  it('freezes for private mappings, but not in the final round, when it all stands', async () => {
    const layout = layoutOf(vma(300, 310, { state: 'swappable' }));
    const frozen = await swapNew(contextOf({}), layout, true);
    expect(frozen).to.deep.include({ layout, nrVmas: 0 });
    const error: unknown = await swapNew(contextOf({}), layout, false).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.have.property('code', 'NO_SUCH_PROCESS');
  });
});
