import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { dumpProcess } from '../../src/dump/process/dump.js';
import { needPrograms } from '../support/installed.js';
import { ImagesDirectory } from '../support/restored.js';
import { Terminal } from '../support/terminal.js';
import { waitFor } from '../support/wait-for.js';

describe('restore of a vim', function () {
  this.timeout(240_000);

  before(function () {
    needPrograms(this, 'vim');
  });

  it('has what was not saved, its registers and the past, on the terminal of whoever restores', async () => {
    using images = new ImagesDirectory();
    const file = path.join(images.directory, 'text');
    writeFileSync(file, 'line 1\nline 2\n');
    using terminal = new Terminal('vim', '-u', 'NONE', '-N', '-i', 'NONE', file);
    await terminal.until(/line 2/);
    terminal.type('yyp:s/1/one/\rGofour\u001b');
    const [, pid = ''] = await terminal.ask(':echo "pid" getpid()\r', /pid (\d+)/);
    await dumpProcess({ pid: Number(pid), images: images.path, isShellJob: true });
    expect(await terminal.exit).to.deep.equal({ code: 109, signal: null });
    using restored = Terminal.tracker('restore', '--shell-job', images.path);
    // It draws all of it anew: the size may be another one.
    await restored.until(/line one\s+line 2\s+four/);
    await expectWritten(restored, file, ':w\r', 'line 1\nline one\nline 2\nfour\n');
    await expectWritten(restored, file, 'uuP:w\r', 'line 1\nline 1\nline 1\nline 2\n');
    restored.type(':cq 3\r');
    expect(await restored.exit).to.deep.equal({ code: 3, signal: null });
  });
});

async function expectWritten(vim: Terminal, file: string, keys: string, text: string) {
  vim.type(keys);
  await waitFor(`vim has written ${JSON.stringify(text)}`, () => {
    return readFileSync(file, 'utf8') === text;
  });
}
