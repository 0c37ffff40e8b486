import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { Program } from '../../support/programs.js';
import { waitFor } from '../../support/wait-for.js';

describe('a thread that runs a call for a dump that is killed', function () {
  this.timeout(60_000);

  it('comes back from a call of its own code, before there are pages for it', async () => {
    using program = await Program.start('restore/threads', '2');
    const { pid } = program;
    using dump = await Program.startScript('test/support/call-slowly.ts', `${pid}`);
    const isWaiting = () => readFileSync(`/proc/${pid}/syscall`, 'utf8').startsWith('7 ');
    await waitFor('the call', isWaiting);
    dump.kill();
    await dump.exit;
    expect(await program.ask('', 60_000)).to.equal('on');
    program.end();
    expect(await program.exit).to.deep.equal({ code: 17, signal: null });
  });
});
