import { spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { expect } from 'chai';
import type { Progress } from '../../src/dump/reports.js';
import { childrenOf } from '../../src/proc/family.js';
import { TreeTracker } from '../../src/tree-tracker.js';
import { Cgroup } from '../support/cgroup.js';
import { trackerPrints, trackerRefusal } from '../support/command-line.js';
import { errorOf } from '../support/errors.js';
import {
  expectUntouched,
  startFamily,
  stopVerified,
  trace,
  treeOf,
} from '../support/heirs-tree.js';
import { compileProgram, Program } from '../support/programs.js';
import { moduleUseCount, newImagesPath } from '../support/vm.js';
import { waitFor, within } from '../support/wait-for.js';

describe('a tree of heirs', function () {
  // A guest beside another one takes its time.
  this.timeout(300_000);

  it('goes on when its root has ended, by whatever name', async () => {
    using heirs = await startFamily();
    const images = newImagesPath();
    const root = String(heirs.pid(0));
    await trackerPrints('start', root, '--tree', '--images', images);
    await heirs.exit(0);
    await heirs.fork(2, 3);
    await heirs.write(1, 0, 3);
    const first = await trackerPrints('iterate', root, '--images', images, '--rounds', '1');
    expect(first).to.contain(`ended: pid ${root} (heirs), exited`);
    await trackerPrints('iterate', root, '--images', images, '--rounds', '1');
    await trackerPrints('iterate', String(heirs.pid(3)), '--images', images, '--rounds', '1');
    expect((await trackerRefusal(['iterate', '1', '--images', images])).code).to.equal(
      'IMAGES_OTHER_TARGET',
    );
    const stopped = await trackerPrints('stop', root, '--images', images, '--verify');
    expect(stopped).to.contain('lost writes: 0').and.to.contain('untracked: 3 members');
    await heirs.checkAll();
  });

  it('keeps an orphan whose parent was never seen', async () => {
    using heirs = await startFamily();
    const { tracker } = await TreeTracker.start(treeOf(heirs));
    await heirs.fork(2, 3);
    await heirs.fork(3, 4);
    await heirs.write(4, 2, 4);
    await heirs.exit(3);
    const { members } = await tracker.round();
    expect(members.map(({ pid }) => pid)).to.have.members([...heirs.pids.values()]);
    await heirs.fork(4, 5);
    await heirs.fork(5, 6);
    await heirs.exit(5);
    await stopVerified(tracker, heirs);
  });

  it('keeps an orphan whose parent has ended in the round that would have stored it', async () => {
    const untilSignal = `trap "(read line <&3) & exit 0" USR1; echo born; read line`;
    const stdio: StdioOptions = ['pipe', 'pipe', 'inherit', 'pipe'];
    const shell = spawn('sh', ['-c', `echo ready; read line; sh -c '${untilSignal}'; read line`], {
      stdio,
    });
    const output = shell.stdout as Readable;
    await within('a line', once(output, 'data'));
    const shellPid = shell.pid ?? 0;
    const images = newImagesPath();
    let parent = 0;
    const onProgress = ({ phase }: Progress) => {
      if (phase !== 'harvest' || parent === 0) return;
      process.kill(parent, 'SIGUSR1');
      // Nothing else happens until it has ended.
      while (existsSync(`/proc/${parent}`)) continue;
      parent = 0;
    };
    const options = { pids: [shellPid], isTree: true, allowExternalSharing: true };
    const { tracker } = await TreeTracker.start({ ...options, images, onProgress });
    (shell.stdin as Writable).write('\n');
    await within('a line', once(output, 'data'));
    const born = childrenOf(shellPid);
    parent = born[0] ?? 0;
    const { members } = await tracker.round();
    expect(members.map(({ pid }) => pid)).to.deep.equal([shellPid]);
    await tracker.close();
    const second = await TreeTracker.resume({ images });
    const orphans = (await second.round()).members.filter(({ isNew }) => isNew);
    expect(orphans).to.have.length(1);
    expect(born).to.not.include(orphans[0]?.pid);
    const { final, verify } = await second.stop({ verify: true });
    expect(final.members).to.have.length(2);
    expect(verify?.lostWrites).to.equal(0);
    (shell.stdio[3] as Writable).end();
    (shell.stdin as Writable).end();
    await within('the end of the shell', once(shell, 'exit'));
  });

  it('keeps an orphan that has called exec', async () => {
    using heirs = await startFamily();
    const file = compileProgram('reexec');
    // What the shell reads is not what its child reads.
    const stdio: StdioOptions = ['pipe', 'pipe', 'inherit', 'pipe'];
    const shell = spawn('sh', ['-c', `${file} <&3 & read line; exit 0`], { stdio });
    const output = shell.stdout as Readable;
    await within('a line', once(output, 'data'));
    const shellPid = shell.pid ?? 0;
    const pid = Number(readFileSync(`/proc/${shellPid}/task/${shellPid}/children`, 'utf8'));
    const options = { ...treeOf(heirs), pids: [heirs.pid(0), shellPid] };
    const { tracker } = await TreeTracker.start(options);
    (shell.stdin as Writable).write('\n');
    await within('the end of the shell', once(shell, 'exit'));
    process.kill(pid, 'SIGUSR1');
    await within('a line', once(output, 'data'));
    const { ended, members } = await tracker.round();
    expect(ended.find((end) => end.pid === pid)?.reason).to.equal('exec');
    expect(members.find((member) => member.pid === pid)?.isNew).to.equal(true);
    await stopVerified(tracker, heirs);
    process.kill(pid, 'SIGKILL');
  });

  it('is refused while another one has a member of it, and that one goes on', async () => {
    using heirs = await startFamily();
    const first = await TreeTracker.start({ ...treeOf(heirs), pids: [heirs.pid(1)] });
    const { code, message } = await errorOf(TreeTracker.start(treeOf(heirs)));
    expect(code).to.equal('ALREADY_TRACKED');
    expect(message).to.contain(`pid ${heirs.pid(1)}`);
    const options = { ...treeOf(heirs), skipUntrackable: true };
    const second = await TreeTracker.start(options);
    expect(second.round.members.map(({ pid }) => pid)).to.deep.equal([heirs.pid(0)]);
    expect(second.round.skipped.map(({ pid }) => pid)).to.have.members([
      heirs.pid(1),
      heirs.pid(2),
    ]);
    await heirs.fork(2, 3);
    await heirs.write(2, 0, 3);
    await heirs.write(0, 2, 3);
    expect((await first.tracker.round()).members).to.have.length(3);
    expect((await second.tracker.round()).members).to.have.length(1);
    await stopVerified(first.tracker, heirs);
    expect((await second.tracker.round()).members).to.have.length(4);
    await stopVerified(second.tracker, heirs);
  });

  it('is refused where a process outside maps its shared memory, by that process', async () => {
    using heirs = await startFamily();
    for (const name of [0, 1, 2]) await heirs.share(name, 0, 20);
    const { code, message } = await errorOf(
      TreeTracker.start({ ...treeOf(heirs), pids: [heirs.pid(1)] }),
    );
    expect(code).to.equal('EXTERNAL_SHARING');
    expect(message).to.contain(`pid ${heirs.pid(0)} (heirs)`);
    await expectUntouched(heirs);
    const { tracker, round } = await TreeTracker.start(treeOf(heirs));
    expect(round.members.flatMap(({ sharing }) => sharing)).to.deep.equal([]);
    await stopVerified(tracker, heirs);
  });

  it('goes on when its cgroup is removed', async () => {
    using heirs = await startFamily();
    const options = { pids: [], cgroup: 'tracker-gone', images: newImagesPath() };
    await using outside = new Cgroup('tracker-outside');
    let tracker: TreeTracker;
    {
      await using cgroup = new Cgroup('tracker-gone');
      cgroup.add(heirs.pid(0));
      cgroup.add(heirs.pid(1));
      ({ tracker } = await TreeTracker.start(options));
      outside.add(heirs.pid(0));
      outside.add(heirs.pid(1));
    }
    expect((await tracker.round()).members).to.have.length(2);
    await stopVerified(tracker, heirs);
    for (const name of [...heirs.pids.keys()]) await heirs.exit(name);
  });

  it('is killed with the processes that run on its memory', async () => {
    using program = await Program.start('shared_mm', 'stays');
    const peer = Number(await program.line());
    const options = { pids: [program.pid], isTree: true, images: newImagesPath() };
    const { tracker } = await TreeTracker.start(options);
    const { isKilled } = await tracker.stop({ verify: true, kill: true });
    expect(isKilled).to.equal(true);
    expect(await program.exit).to.deep.equal({ code: null, signal: 'SIGKILL' });
    await waitFor('the end of the other process', () => !existsSync(`/proc/${peer}`));
  });

  it('is not killed where the final round cannot be taken', async () => {
    using heirs = await startFamily();
    const { tracker } = await TreeTracker.start(treeOf(heirs));
    {
      await using _strace = await trace(heirs.pid(2));
      await errorOf(tracker.stop({ kill: true }));
    }
    await heirs.checkAll();
    await stopVerified(tracker, heirs);
  });

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});
