import { expectGoesOn, loopSource } from '../../../support/chain.js';
import { Program } from '../../../support/programs.js';

describe('restore of a Python program', function () {
  this.timeout(240_000);

  it('goes on with a thread that computes, its timer, and what the collector has to find', async () => {
    using program = await Program.startCommand('/usr/bin/python3', loopSource('chain.py'));
    await expectGoesOn(program);
  });
});
