import { expect } from 'chai';
import { dumpProcess } from '../../src/dump/process/dump.js';
import { needPrograms } from '../support/installed.js';
import { ImagesDirectory } from '../support/restored.js';
import { Terminal } from '../support/terminal.js';

describe('restore of a top', function () {
  this.timeout(240_000);

  before(function () {
    needPrograms(this, 'top');
  });

  it('goes on to show the machine, reads keys, and leaves the terminal as it has found it', async () => {
    using images = new ImagesDirectory();
    using terminal = new Terminal('sh', '-c', 'echo pid $$; exec top -d 0.5 -p $$');
    const [, pid = ''] = await terminal.until(/pid (\d+)/);
    await terminal.until(/load average/);
    await dumpProcess({ pid: Number(pid), images: images.path, isShellJob: true });
    expect(await terminal.exit).to.deep.equal({ code: 109, signal: null });
    const command = `${process.execPath} --import=tsx src/cli/main.ts restore --shell-job ${images.path}`;
    using restored = new Terminal('sh', '-c', `stty -g; ${command}; echo "status $?"; stty -g`);
    const [, settings = ''] = await restored.until(/^([0-9a-f:]+)\s/);
    await restored.until(/load average/);
    await restored.until(/load average/);
    const [shown] = await restored.ask('q', /status 0\s+\S+\s/);
    expect(shown).to.contain(settings);
  });
});
