import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { readStat } from '../../src/proc/stat.js';
import { TreeTracker } from '../../src/tree-tracker.js';
import type { TreeRoundReport } from '../../src/tree/tree-reports.js';
import {
  runTracker,
  trackerDocument,
  trackerPrints,
  trackerRefusal,
} from '../support/command-line.js';
import { errorOf } from '../support/errors.js';
import {
  expectUntouched,
  startFamily,
  stopVerified,
  trace,
  treeOf,
} from '../support/heirs-tree.js';
import { Program } from '../support/programs.js';
import { makeNextPid, reusePid, waitUntilFree } from '../support/reuse-pid.js';
import { statesOf } from '../support/threads.js';
import { moduleUseCount, newImagesPath } from '../support/vm.js';
import { waitFor, within } from '../support/wait-for.js';

describe('a tree with a member that cannot be tracked', function () {
  // A guest beside another one takes its time.
  this.timeout(300_000);

  it('is refused by its pid and the reason, and nothing is swapped', async () => {
    using heirs = await startFamily();
    await heirs.mapDevice(1);
    const { code, message } = await errorOf(TreeTracker.start(treeOf(heirs)));
    expect(code).to.equal('UNTRACKABLE_MEMORY');
    expect(message)
      .to.contain(`pid ${heirs.pid(1)}`)
      .and.to.contain('/dev/mem')
      .and.to.contain('--skip-untrackable leaves it out');
    await expectUntouched(heirs);
  });

  it('is tracked without it when it is told to, loudly, for all commands that follow', async () => {
    using heirs = await startFamily();
    await heirs.mapDevice(1);
    const images = newImagesPath();
    const root = String(heirs.pid(0));
    const options = [root, '--tree', '--skip-untrackable', '--images', images];
    const { code, stdout, stderr } = await runTracker(['start', ...options]);
    expect(code).to.equal(0);
    const loud = `LEFT OUT: cannot track pid ${heirs.pid(1)}`;
    expect(stderr).to.contain(loud);
    expect(stdout).to.contain(loud);
    await heirs.write(2, 0, 3);
    const iterated = await runTracker(['iterate', '--images', images, '--rounds', '1', '--json']);
    expect(iterated.stderr).to.contain(loud);
    const { rounds } = JSON.parse(iterated.stdout) as { rounds: TreeRoundReport[] };
    expect(rounds[0]?.skipped.map(({ pid, code: why }) => [pid, why])).to.deep.equal([
      [heirs.pid(1), 'UNTRACKABLE_MEMORY'],
    ]);
    expect(await trackerPrints('stop', '--images', images, '--verify')).to.contain(
      'lost writes: 0',
    );
    await heirs.checkAll();
  });

  it('can be stopped without a process that has become untrackable', async () => {
    using heirs = await startFamily();
    const images = newImagesPath();
    await trackerPrints('start', String(heirs.pid(0)), '--tree', '--images', images);
    await heirs.fork(1, 3);
    await heirs.mapDevice(3);
    const stop = ['stop', '--images', images, '--verify'];
    const { code, message } = await trackerRefusal(stop);
    expect(code).to.equal('UNTRACKABLE_MEMORY');
    expect(message).to.contain(`pid ${heirs.pid(3)}`);
    expect(statesOf(heirs.pid(0))).to.not.include('t');
    expect(await trackerPrints(...stop, '--skip-untrackable')).to.contain('lost writes: 0');
    await heirs.checkAll();
  });

  it('is refused when a debugger traces one, and can be stopped when that has ended', async () => {
    using heirs = await startFamily();
    {
      await using _strace = await trace(heirs.pid(1));
      const { code, message } = await errorOf(TreeTracker.start(treeOf(heirs)));
      expect(code).to.equal('TRACED');
      expect(message).to.contain(`pid ${heirs.pid(1)}`);
      await heirs.checkAll();
    }
    await expectUntouched(heirs);
    const { tracker } = await TreeTracker.start(treeOf(heirs));
    {
      await using _strace = await trace(heirs.pid(2));
      const { code, message } = await errorOf(tracker.stop({ verify: true }));
      expect(code).to.equal('TRACED');
      expect(message).to.contain(`pid ${heirs.pid(2)}`);
      await heirs.checkAll();
      await heirs.write(2, 9, 3);
    }
    await stopVerified(tracker, heirs);
  });

  it('goes on without one whose first thread has exited, when it is told to', async () => {
    using heirs = await startFamily();
    using other = await Program.start('leader_exits', 'later');
    const options = { ...treeOf(heirs), isTree: false, pids: [heirs.pid(0), other.pid] };
    const { tracker } = await TreeTracker.start(options);
    await tracker.close();
    process.kill(other.pid, 'SIGUSR1');
    expect(await other.line()).to.equal('alone');
    await waitFor('a zombie', () => readStat(other.pid).state === 'Z');
    const images = { images: options.images };
    const refused = await TreeTracker.resume(images);
    const { code, message } = await errorOf(refused.round());
    expect(code).to.equal('FIRST_THREAD_EXITED');
    expect(message).to.contain(`pid ${other.pid}`);
    await refused.close();
    const second = await TreeTracker.resume({ ...images, skipUntrackable: true });
    const round = await second.round();
    expect(round.ended.map(({ pid, reason }) => [pid, reason])).to.deep.equal([
      [other.pid, 'first-thread-exited'],
    ]);
    await stopVerified(second, heirs);
    expect(await other.ask('hello')).to.equal('hello');
    other.send('');
    other.kill();
    await other.exit;
  });

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});

describe('a tree whose processes have other rights', () => {
  it('is refused to a controller that lacks a capability, and to one of another user namespace', async () => {
    using heirs = await startFamily();
    const start = ['start', String(heirs.pid(0)), '--tree', '--images', newImagesPath()];
    for (const wrapper of [
      ['setpriv', '--bounding-set=-sys_ptrace'],
      ['setpriv', '--bounding-set=-checkpoint_restore,-sys_admin'],
      ['unshare', '--user', '--map-root-user'],
    ]) {
      // Left out is what a process is, not what the controller lacks.
      const { code, message } = await trackerRefusal([...start, '--skip-untrackable'], wrapper);
      expect(code, message).to.equal('NOT_PERMITTED');
    }
    const { code } = await trackerRefusal(start, ['setpriv', '--bounding-set=-sys_ptrace']);
    expect(code).to.equal('NOT_PERMITTED');
    await expectUntouched(heirs);
  });

  it('is tracked with members of other users and user namespaces', async () => {
    const family =
      'unshare --user --map-root-user sleep 1000 & ' +
      'setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs sleep 1000 & ' +
      'echo ready; wait';
    const shell = spawn('sh', ['-c', family], { detached: true });
    try {
      await within('a line', once(shell.stdout, 'data'));
      const pid = String(shell.pid);
      const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
      const isAsleep = (child: string) =>
        readFileSync(`/proc/${child}/comm`, 'utf8').trim() === 'sleep';
      await waitFor(
        'both',
        () => children().split(' ').length === 2 && children().split(' ').every(isAsleep),
      );
      const images = newImagesPath();
      const started = (await trackerDocument('start', pid, '--tree', '--images', images)) as {
        pids: number[];
      };
      expect(started.pids).to.have.members([pid, ...children().split(' ')].map(Number));
      await trackerPrints('iterate', '--images', images, '--rounds', '1');
      expect(await trackerPrints('stop', '--images', images, '--verify')).to.contain(
        'lost writes: 0',
      );
    } finally {
      if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL');
    }
  });

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});

describe('a pid that is used again', () => {
  it('by a stranger is no member', async () => {
    using heirs = await startFamily();
    const { tracker } = await TreeTracker.start(treeOf(heirs));
    const pid = heirs.pid(2);
    heirs.kill(2);
    using _stranger = await reusePid(pid);
    const { members, ended } = await tracker.round();
    expect(ended.map((end) => [end.pid, end.reason])).to.deep.equal([[pid, 'exited']]);
    expect(members.map((member) => member.pid)).to.have.members([...heirs.pids.values()]);
    await stopVerified(tracker, heirs);
  });

  it('by a stranger is no member for a second controller, nor is one that had been named', async () => {
    using heirs = await startFamily();
    const options = { ...treeOf(heirs), pids: [heirs.pid(0), heirs.pid(2)], isTree: false };
    const { tracker } = await TreeTracker.start(options);
    await tracker.close();
    const pid = heirs.pid(2);
    heirs.kill(2);
    using _stranger = await reusePid(pid);
    const second = await TreeTracker.resume({ images: options.images });
    const { members, ended } = await second.round();
    expect(ended.map((end) => [end.pid, end.reason])).to.deep.equal([[pid, 'exited']]);
    expect(members.map((member) => member.pid)).to.deep.equal([heirs.pid(0)]);
    await stopVerified(second, heirs);
  });

  it('by a child of the tree is a member of its own', async () => {
    using heirs = await startFamily();
    const { tracker, round } = await TreeTracker.start(treeOf(heirs));
    const pid = heirs.pid(2);
    const old = round.members.find((member) => member.pid === pid)?.member;
    heirs.kill(2);
    await waitUntilFree(pid);
    for (let tries = 0; heirs.pids.get(2) !== pid && tries < 200; tries++) {
      if (heirs.pids.has(2)) heirs.kill(2);
      makeNextPid(pid);
      await heirs.fork(0, 2);
    }
    expect(heirs.pid(2), 'the pid was given again').to.equal(pid);
    await heirs.write(2, 4, 4);
    const second = await tracker.round();
    expect(second.ended.map((end) => [end.member, end.pid])).to.deep.equal([[old, pid]]);
    const member = second.members.find((other) => other.pid === pid);
    expect(member?.isNew).to.equal(true);
    expect(member?.member).to.not.equal(old);
    await stopVerified(tracker, heirs);
  });

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});
