import { expect } from 'chai';
import { currentPlan, planMember } from '../../../src/tree/copy-members.js';
import { tracked } from '../dump/fixtures.js';

/** A child of a member, in its first round: it has written page 3 of what it has inherited. */
const heir = {
  member: { lineage: { sessionId: 'parent', lastRegion: 1 }, isStored: false, previous: null },
  vmas: [tracked(100, 110, 1)],
  harvest: {
    runs: Float64Array.of(1, 3, 1),
    epoch: 1,
    nrPages: 1,
    nrPinned: 0,
    nrRescans: 0,
    overflow: false,
  },
};
const parent = { vmas: [tracked(100, 110, 1)] };

describe('the plan of a child', () => {
  it('has only what it has written where its parent is in the same round', () => {
    const made = planMember(heir, parent, false);
    expect(made.heir?.inherited).to.deep.equal([{ page: 100, nrPages: 10, fromPage: 100 }]);
    expect(made.plan.regions.get(1)?.whole).to.deep.equal([]);
    expect([...(made.plan.regions.get(1)?.dirty.view() ?? [])]).to.deep.equal([3, 103, 1]);
    expect(currentPlan({ ...heir, plan: made }, parent, false)).to.equal(made);
  });

  it('has all of its memory where the parent has ended since it was planned', () => {
    const made = planMember(heir, parent, false);
    const current = currentPlan({ ...heir, plan: made }, undefined, false);
    expect(current.heir).to.equal(null);
    expect(current.plan.regions.get(1)?.whole).to.deep.equal([
      { page: 100, endPage: 110, regionPage: 0 },
    ]);
  });
});
