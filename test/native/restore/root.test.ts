import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { readMaps } from '../../../src/proc/maps.js';
import { Program } from '../../support/programs.js';
import { dumpProgram, ImagesDirectory, restoreProgram } from '../../support/restored.js';

describe('restore --root', function () {
  this.timeout(240_000);

  it('takes program, mapped and open files and the working directory from below it', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    const root = path.join(images.directory, 'root');
    const maps = await readMaps(pid);
    const files = new Set(maps.filter(({ inode }) => inode !== 0).map((entry) => entry.path));
    for (const file of [...files, '/etc/passwd']) {
      mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
      execFileSync('cp', ['--archive', '--dereference', file, path.join(root, file)]);
    }
    const cwd = readlinkSync(`/proc/${pid}/cwd`);
    mkdirSync(path.join(root, cwd), { recursive: true });
    await dumpProgram(program, images.path);
    await program.exit;
    using restored = await restoreProgram(pid, images.path, '--root', root);
    expect(await restored.ask('')).to.equal(`${pid} 8 4 5`);
    expect(readlinkSync(`/proc/${pid}/cwd`)).to.equal(path.join(root, cwd));
    expect(readlinkSync(`/proc/${pid}/exe`)).to.match(new RegExp(`^${root}/`));
    const mapped = (await readMaps(pid)).filter(({ inode }) => inode !== 0);
    expect(mapped.filter((entry) => !entry.path.startsWith(root))).to.deep.equal([]);
  });
});
