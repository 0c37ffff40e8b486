import { expectGoesOn, loopSource } from '../../../support/chain.js';
import { Program } from '../../../support/programs.js';

describe('restore of a Node program', function () {
  this.timeout(240_000);

  it('goes on with a worker that computes, its timer and its event loops', async () => {
    using program = await Program.startCommand(process.execPath, loopSource('chain.mjs'));
    await expectGoesOn(program);
  });
});
