import { expect } from 'chai';
import { setTimeout as pause } from 'node:timers/promises';
import { Program } from '../../support/programs.js';
import { externalOf } from '../../support/restored.js';
import { Random } from '../../unit/image/random.js';

const nrKills = Number(process.env['TRACKER_KILLS'] ?? 4);

describe('a dump that is killed', function () {
  this.timeout(60_000 + nrKills * 20_000);

  it(`leaves 20 threads as they were, at ${nrKills} random moments`, async () => {
    const random = new Random();
    const { seed } = random;
    console.log(`    SEED ${seed}`);
    using program = await Program.start('restore/threads', '20');
    const { pid } = program;
    const fds = externalOf(pid).map(String);
    for (let i = 0; i < nrKills; i++) {
      using dump = await Program.startScript('test/support/collect-endlessly.ts', `${pid}`, ...fds);
      await pause(random.below(200));
      dump.kill();
      await dump.exit;
      expect(await program.ask('', 60_000), `kill ${i} of seed ${seed}`).to.equal('on');
    }
    program.end();
    expect(await program.exit).to.deep.equal({ code: 17, signal: null });
  });
});
