import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { dumpTree } from '../../../src/dump/tree/dump-tree.js';
import { readFrames } from '../../../src/proc/page-frames.js';
import { readStat } from '../../../src/proc/stat.js';
import { ImageDirectory } from '../../../src/image/index.js';
import type { Step } from '../../../src/restore/plan/step.js';
import { readTreeInput } from '../../../src/restore/read-input.js';
import { planImages, restoreProcess, waitForExit } from '../../../src/restore/restore.js';
import { runPlan } from '../../../src/restore/run-plan.js';
import { planTree } from '../../../src/restore/tree/plan-tree.js';
import { errorOf } from '../../support/errors.js';
import { Program } from '../../support/programs.js';
import {
  dumpProgramTree,
  externalOf,
  handedIn,
  ImagesDirectory,
  restoreProgram,
  untilGone,
} from '../../support/restored.js';
import { waitFor, within } from '../../support/wait-for.js';

const inherited = () => new Map(handedIn().map((fd) => [fd, fd]));

/** Where `restore/tree` has what, in pages, and who is who. */
async function whereOf(program: Program): Promise<Map<string, number>> {
  const addresses = ['common', 'late', 'siblings', 'stamped', 'board'];
  const entries = (await program.ask('where')).split(' ').map((part): [string, number] => {
    const [name = '', value = ''] = part.split('=');
    return [name, addresses.includes(name) ? parseInt(value, 16) / 4096 : Number(value)];
  });
  return new Map(entries);
}

/** For each process and each of some pages, the number of the first process with the same frame there. */
function sharingOf(pids: readonly number[], page: number, nrPages: number): number[][] {
  const known = new Map<number, number>();
  return pids.map((pid, i) => {
    const rows = readFrames(pid, Float64Array.of(page, nrPages));
    const owners: number[] = [];
    for (let row = 0; row < rows.length; row += 3)
      for (let j = 0; j < (rows[row + 2] ?? 0); j++) {
        const frame = (rows[row] ?? 0) + j;
        if (!known.has(frame)) known.set(frame, i);
        owners[(rows[row + 1] ?? 0) + j - page] = known.get(frame) ?? -1;
      }
    return owners;
  });
}

/** KiB of their own that processes have, each page divided by how many map it. */
function ownSize(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return sum + Number(/^Pss_Anon:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  }, 0);
}

describe('restore of a tree', function () {
  this.timeout(240_000);

  it('makes all of it go on, with what its processes share and what each has', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    expect(await program.ask('')).to.equal('right');
    await dumpProgramTree(program, images.path);
    using restored = await restoreProgram(null, images.path);
    for (let i = 0; i < 3; i++) expect(await restored.ask('')).to.equal('right');
    expect(await restored.ask('end')).to.equal('right');
    restored.end();
    expect(await restored.exit).to.deep.equal({ code: 0, signal: null });
  });

  it('shares each page frame with whom it was shared, and needs no more memory', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    expect(await program.ask('')).to.equal('right');
    const where = await whereOf(program);
    const pids = ['root', 'a', 'b', 'a1', 'b1'].map((name) => where.get(name) ?? 0);
    const look = (areas: readonly (readonly [string, number])[]) =>
      areas.map(([name, nrPages]) => sharingOf(pids, where.get(name) ?? 0, nrPages));
    const own = [
      ['common', 64],
      ['late', 8],
      ['siblings', 8],
      ['stamped', 5],
    ] as const;
    const before = look(own);
    const sizeBefore = ownSize(pids);
    await dumpProgramTree(program, images.path);
    using restored = await restoreProgram(null, images.path, '--stopped');
    await waitFor('it is there', () => pids.every((pid) => isStopped(pid)));
    expect(look(own)).to.deep.equal(before);
    const size = ownSize(pids);
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    expect(await restored.ask('')).to.equal('right');
    expect(look([['board', 1]])).to.deep.equal([[[0], [0], [0], [0], [0]]]);
    // The dump has written a page of each one's stack.
    const stacksKib = 4 * pids.length;
    expect(size).to.be.within(sizeBefore * 0.98, sizeBefore * 1.02 + stacksKib);
  });

  it('restores it from the same images again and again', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    const pids = await dumpProgramTree(program, images.path);
    for (let i = 0; i < 2; i++) {
      using restored = await restoreProgram(null, images.path);
      expect(await restored.ask('')).to.equal('right');
      process.kill(pids[0] ?? 0, 'SIGKILL');
      await restored.exit;
      await untilGone(pids);
    }
  });

  it('restores what was restored', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    const [pid = 0] = await dumpProgramTree(program, images.path);
    using restored = await restoreProgram(null, images.path);
    expect(await restored.ask('')).to.equal('right');
    const second = `${images.path}-second`;
    await dumpProgramTree({ pid, exit: restored.exit }, second);
    using again = await restoreProgram(null, second, '--report');
    await untilLine(again, /page frames/);
    for (let i = 0; i < 2; i++) expect(await again.ask('')).to.equal('right');
    expect(await again.ask('end')).to.equal('right');
  });

  it('leaves nothing of it when a step fails, wherever that is', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    const pids = await dumpProgramTree(program, images.path);
    const steps = await planImages({ images: images.path, inherited: inherited() });
    for (const name of ['setsid', 'close_range', 'umask'] as const) {
      const index = steps.findLastIndex((step) => step.op === 'call' && step.call === name);
      const broken = steps.map((step, i) =>
        i === index && step.op === 'call' ? { ...step, expect: 0o1000 } : step,
      );
      const error = await errorOf(runPlan(broken));
      expect(error.code).to.equal('RESTORE_CALL');
      expect(error.message).to.contain(name);
      for (const pid of pids) expect(existsSync(`/proc/${pid}`)).to.equal(false);
    }
    using restored = await restoreProgram(null, images.path);
    expect(await restored.ask('')).to.equal('right');
  });

  it('leaves nothing of it when tracker is killed on the way', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    const pids = await dumpProgramTree(program, images.path);
    {
      using restored = await restoreProgram(null, images.path);
      const last = pids.at(-1) ?? 0;
      await waitFor('the last one is there', () => existsSync(`/proc/${last}`), 60_000);
      restored.kill();
      await restored.exit;
    }
    await untilGone(pids);
    using restored = await restoreProgram(null, images.path);
    expect(await restored.ask('')).to.equal('right');
  });

  it('refuses a pid that is taken, of whichever process, and leaves nothing of the others', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    const { pid } = program;
    const where = await whereOf(program);
    await dumpTree({ pid, images: images.path, external: externalOf(pid), leaveRunning: true });
    const error = await errorOf(restoreProcess({ images: images.path, inherited: inherited() }));
    expect(error.code).to.equal('PID_TAKEN');
    expect(await program.ask('')).to.equal('right');
    expect(readStat(where.get('a1') ?? 0).ppid).to.equal(where.get('a'));
  });

  it('passes signals on to the root, and ends with its status', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    await dumpProgramTree(program, images.path);
    using restored = await restoreProgram(null, images.path);
    expect(await restored.ask('')).to.equal('right');
    process.kill(restored.pid, 'SIGTERM');
    expect(await within('its end', restored.exit)).to.deep.equal({ code: 128 + 15, signal: null });
  });

  it('gives open files of many kinds to those who had them in common', async () => {
    using images = new ImagesDirectory();
    // Not asked before: the connections that it makes would keep its port busy for a minute.
    using program = await Program.start('restore/common');
    await dumpProgramTree(program, images.path);
    using restored = await restoreProgram(null, images.path);
    for (let i = 0; i < 3; i++) expect(await restored.ask('')).to.equal('right');
  });

  it('leaves the root to who gets orphans with --detach, and ends', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    const pids = await dumpProgramTree(program, images.path);
    const [root = 0] = pids;
    const fds = handedIn().flatMap((fd) => ['--inherit-fd', String(fd)]);
    const main = [process.execPath, '--import=tsx', 'src/cli/main.ts', 'restore', images.path];
    using parent = await Program.start('subreaper', ...main, '--detach', ...fds);
    expect(await untilLine(parent, /^pid \d+ runs again/)).to.contain('with 5 processes');
    await waitFor('it has another parent', () => readStat(root).ppid === parent.pid);
    parent.send('');
    await untilLine(parent, /^right$/);
    parent.send('end');
    await untilLine(parent, /^right$/);
    parent.end();
    await untilLine(parent, new RegExp(`^${root} exited 0$`));
    await untilGone(pids);
  });

  it('reports page frames before and after, and lets nobody go where sharing is lost', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    const pids = await dumpProgramTree(program, images.path);
    using restored = await restoreProgram(null, images.path, '--report');
    const found = /^5 processes have (\d+) pages in (\d+) page frames; by .* were (\d+)$/.exec(
      await untilLine(restored, /page frames/),
    );
    const [pages = 0, frames = 0, before] = (found ?? []).slice(1).map(Number);
    expect(frames).to.equal(before);
    expect(pages).to.be.greaterThan(frames + 4 * 64);
    expect(await restored.ask('')).to.equal('right');
    process.kill(pids[0] ?? 0, 'SIGKILL');
    await untilGone(pids);
    const other = await errorOf(
      restoreProcess({
        ...{ images: images.path, inherited: inherited() },
        onSharing: () => {
          throw new Error('it is less');
        },
      }),
    );
    expect(other.message).to.equal('it is less');
    for (const pid of pids) expect(existsSync(`/proc/${pid}`)).to.equal(false);
  });

  it('says what it would do', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    const pids = await dumpProgramTree(program, images.path);
    using dry = await restoreProgram(null, images.path, '--dry-run');
    await untilLine(dry, new RegExp(`^from here on, process ${pids.at(-1) ?? 0}:`));
    await untilLine(dry, /^let all of them go$/);
    expect(await dry.exit).to.deep.equal({ code: 0, signal: null });
  });

  it('refuses by name what trees cannot be restored with yet', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    await dumpProgramTree(program, images.path);
    const options = { images: images.path, inherited: inherited() };
    for (const [name, option] of [
      ['--pid-namespace', { isInNamespace: true }],
      ['--root', { root: '/srv' }],
    ] as const) {
      const error = await errorOf(restoreProcess({ ...options, ...option }));
      expect(error.code).to.equal('TREE_NOT_RESTORABLE');
      expect(error.message).to.contain(name);
    }
  });

  it("forks orphans through helpers that end: they are nobody's here, and share what they shared", async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/kin', 'many', images.directory);
    const pids = await dumpProgramTree(program, images.path);
    const [root = 0, ...children] = pids;
    const orphans = [children[3] ?? 0, children[50] ?? 0];
    const steps = await planOrphans(images.path, orphans);
    expect(steps.filter(({ op }) => op === 'fork-helper')).to.have.length(orphans.length);
    await runPlan(steps);
    await waitFor('they are stopped', () => pids.every(isStopped));
    for (const pid of children)
      expect(readStat(pid).ppid === root).to.equal(!orphans.includes(pid));
    for (const pid of children) process.kill(pid, 'SIGKILL');
    process.kill(root, 'SIGKILL');
    await waitForExit({ hostPid: root, statusFd: null });
    await untilGone(pids);
  });

  it('restores a hundred children', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/kin', 'many', images.directory);
    const pids = await dumpProgramTree(program, images.path);
    expect(pids).to.have.length(101);
    using restored = await restoreProgram(null, images.path);
    expect(await restored.ask('', 200_000)).to.equal('right');
    await waitFor('they wait', () => pids.every((pid) => readStat(pid).state === 'S'));
    process.kill(pids[0] ?? 0, 'SIGKILL');
    await untilGone(pids);
  });
});

/** The plan of a tree of which some have lost their parent. */
async function planOrphans(path: string, orphans: readonly number[]): Promise<Step[]> {
  await using images = await ImageDirectory.open(path);
  const tree = readTreeInput(images, { inherited: inherited(), isStopped: true });
  const members = tree.members.map((member) =>
    orphans.includes(member.process.identity.pid) ? { ...member, parent: null } : member,
  );
  return planTree({ ...tree, members });
}

/** The next line that matches: there may be others. */
async function untilLine(program: Program, pattern: RegExp): Promise<string> {
  for (;;) {
    const line = await program.line(60_000);
    if (pattern.test(line)) return line;
  }
}

function isStopped(pid: number): boolean {
  try {
    return readStat(pid).state === 'T';
  } catch {
    return false;
  }
}
