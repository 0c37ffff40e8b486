import { expect } from 'chai';
import { closeSync, existsSync, openSync } from 'node:fs';
import { dumpTree, type TreeDumpReport } from '../../../src/dump/tree/dump-tree.js';
import { HeldTree } from '../../../src/dump/tree/held-tree.js';
import { compareMemory, ImageChain, ImageDirectory } from '../../../src/image/index.js';
import { isRunning } from '../../../src/proc/ending.js';
import { withDescendants } from '../../../src/proc/family.js';
import { readFrames } from '../../../src/proc/page-frames.js';
import { readStat } from '../../../src/proc/stat.js';
import type { OpenFileRecord } from '../../../src/process/file-record.js';
import { readProcess, type ProcessRecord } from '../../../src/process/process-record.js';
import { errorOf } from '../../support/errors.js';
import { Program } from '../../support/programs.js';
import { externalOf, ImagesDirectory } from '../../support/restored.js';
import { waitFor } from '../../support/wait-for.js';

/** What `test/programs/restore/tree.c` says of itself. */
type Where = Record<'root' | 'a' | 'a1' | 'b' | 'b1', number> &
  Record<'common' | 'late' | 'siblings' | 'stamped' | 'board', number>;

const addresses = ['common', 'late', 'siblings', 'stamped', 'board'];
const nrCommon = 64;
const nrPages = 8;

async function whereOf(program: Program): Promise<Where> {
  const entries = (await program.ask('where')).split(' ').map((part) => {
    const [name = '', value = ''] = part.split('=');
    return [name, addresses.includes(name) ? parseInt(value, 16) / 4096 : Number(value)];
  });
  return Object.fromEntries(entries) as Where;
}

async function dump(
  { pid }: Pick<Program, 'pid'>,
  images: string,
  leaveRunning = true,
): Promise<TreeDumpReport> {
  return dumpTree({ pid, images, external: externalOf(pid), leaveRunning });
}

async function recordsIn(path: string): Promise<ProcessRecord[]> {
  await using images = await ImageDirectory.open(path);
  const [round] = images.rounds;
  return (round?.members ?? []).map(({ process = {} }) => readProcess(process, 'a member'));
}

function filesOf<K extends OpenFileRecord['kind']>({ files }: ProcessRecord, kind: K) {
  return files.open.filter((file) => file.kind === kind) as Extract<OpenFileRecord, { kind: K }>[];
}

/** Where pages of members are stored, as `round:page` of each; `zero` for pages of zeros. */
async function placesIn(path: string, pages: [member: number, page: number, nr: number][]) {
  await using images = await ImageDirectory.open(path);
  return pages.map(([member, page, nr]) => {
    const chain = new ImageChain(images.rounds, { member });
    return [...chain.pieces(page, page + nr)].flatMap((piece) =>
      Array.from({ length: piece.nrPages }, (_, i) =>
        piece.source === 'round' ? piece.filePage + i : piece.source,
      ),
    );
  });
}

describe('the dump of a tree', function () {
  this.timeout(240_000);

  it('has all members, parents first, with their zombies, and lets them go on', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    expect(await program.ask('')).to.equal('right');
    const { root, a, a1, b, b1 } = await whereOf(program);
    const report = await dump(program, images.path);
    expect(report.isKilled).to.equal(false);
    expect(report.members.map(({ pid, parent }) => [pid, parent])).to.deep.equal([
      [root, null],
      [a, 0],
      [b, 0],
      [a1, 1],
      [b1, 2],
    ]);
    const records = await recordsIn(images.path);
    const zombies = records.map(({ identity }) => (identity.zombies ?? []).map((z) => z.status));
    expect(zombies).to.deep.equal([[42 << 8, 9], [7 << 8], [], [], []]);
    expect(records[0]?.identity.zombies?.[0]).to.include({ name: 'tree' });
    const ids = records.map(({ identity }) => [identity.processGroup, identity.session]);
    expect(ids.slice(1)).to.deep.equal([
      [a, ids[0]?.[1]],
      [b, b],
      [a, ids[0]?.[1]],
      [b1, b],
    ]);
    for (let i = 0; i < 3; i++) expect(await program.ask('')).to.equal('right');
    expect(await program.ask('end')).to.equal('right');
  });

  it('is told by the command line', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    const { pid } = program;
    const external = externalOf(pid).flatMap((fd) => ['--external', String(fd)]);
    const options = ['--tree', '--leave-running', ...external];
    using tracker = await Program.startTracker(
      'dump',
      `${pid}`,
      '--images',
      images.path,
      ...options,
    );
    expect(await tracker.line()).to.match(
      /: tree of pid \d+ with 5 members and 3 zombies, \d+ pages/,
    );
    expect(await tracker.line()).to.match(/^they stood for .* and run on$/);
    expect(await tracker.exit).to.deep.equal({ code: 0, signal: null });
    expect(await program.ask('')).to.equal('right');
  });

  it('stores each page frame once, and each segment', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    expect(await program.ask('')).to.equal('right');
    const where = await whereOf(program);
    const report = await dump(program, images.path);
    const all = (page: number, nr: number): [number, number, number][] =>
      [0, 1, 2, 3, 4].map((member) => [member, page, nr]);
    const common = await placesIn(images.path, all(where.common, nrCommon));
    expect(new Set(common[0]).size).to.equal(nrCommon);
    for (const other of common) expect(other).to.deep.equal(common[0]);
    // Members 1 and 3 are a and a1, which were forked before the root wrote.
    const late = await placesIn(images.path, all(where.late, nrPages));
    expect([late[2], late[4]]).to.deep.equal([late[0], late[0]]);
    expect(late[3]).to.deep.equal(late[1]);
    expect(late[1]).not.to.deep.equal(late[0]);
    const siblings = await placesIn(images.path, all(where.siblings, nrPages));
    for (const member of [2, 3, 4]) expect(siblings[member]).to.deep.equal(siblings[1]);
    expect(siblings[1]).not.to.deep.equal(siblings[0]);
    const { segments, members } = await roundOf(images.path);
    expect(segments.length).to.equal(1);
    for (const { vmas } of members)
      expect(vmas?.find(({ startPage }) => startPage === where.board)?.segment).to.equal(0);
    await compareFrames(report);
    await compareContent(report, images.path);
    expect(await program.ask('')).to.equal('right');
  });

  it('tells which open files several have, and stores what is in a pipe once', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    await dump(program, images.path);
    const records = await recordsIn(images.path);
    const shared = records.map((record) => filesOf(record, 'regular').map((file) => file.shared));
    expect(shared[0]?.[0]).to.be.a('number');
    for (const other of shared) expect(other).to.deep.equal(shared[0]);
    const counters = records.map((record) => filesOf(record, 'eventfd').map((file) => file.shared));
    expect(new Set(counters.flat()).size).to.equal(1);
    const pipes = records.flatMap((record) => filesOf(record, 'pipe'));
    const kept = pipes.filter(({ capacity }) => capacity > 0);
    const numbers = new Set(pipes.map(({ pipe }) => pipe));
    expect(kept.map(({ pipe }) => pipe)).to.have.members([...numbers]);
    expect(kept.filter(({ content }) => content.byteLength > 0)).to.have.length(1);
    // Ends of one pipe in two members are two open files.
    const ends = pipes.filter(({ pipe }) => pipe === pipes[0]?.pipe);
    expect(ends.map((end) => end.shared)).to.deep.equal([undefined, undefined]);
    const outer = records.map((record) => filesOf(record, 'inherited').map((file) => file.shared));
    for (const other of outer) expect(other).to.deep.equal(outer[0]);
  });

  it('ends all of them, without --leave-running', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    const { members, isKilled } = await dump(program, images.path, false);
    expect(isKilled).to.equal(true);
    expect(await program.exit).to.deep.equal({ code: null, signal: 'SIGKILL' });
    for (const { pid } of members)
      await waitFor(`pid ${pid} has ended`, () => !existsSync(`/proc/${pid}`) || isZombie(pid));
  });

  const refusals = {
    memory: /memory of pid CHILD, which is that of pid ROOT too/,
    files: /table of descriptors of pid CHILD, which is that of pid ROOT too/,
    directory: /working directory of pid CHILD, which is that of pid ROOT too/,
    signal: /end of pid CHILD, of which its parent is told by signal 10/,
    session: /session \d+ of pid CHILD, which its parent, pid ROOT, is not in/,
    left: /process group \d+ of pid \d+, whose leader has left it/,
    namespace: /namespace of pid CHILD: uts:\[\d+\], another than tracker's/,
    memfd: /fd 3 of pid ROOT: deleted file \/memfd:common, which is open as fd \d of pid CHILD by/,
    deleted: /fd 3 of pid CHILD: .*\/common, which pid ROOT has by the same open file/,
    epoll: /fd 3 of pid ROOT: anon_inode:\[eventpoll\], which pid CHILD has by the same open file/,
    inotify: /fd 3 of pid ROOT: anon_inode:inotify, which pid CHILD has by the same open file/,
    packets: /fd 4 of pid ROOT: pipe:\[\d+\] in packet mode/,
    status: /fd 3 of pid CHILD: \/proc\/ROOT\/status, which is about another process/,
    sigio: /fd 3 of pid CHILD: pipe:\[\d+\], of which pid ROOT gets the signals/,
  } as const;
  for (const [kind, reason] of Object.entries(refusals))
    it(`refuses, by name, what cannot be restored: ${kind}`, async () => {
      using images = new ImagesDirectory();
      using program = await Program.start('restore/kin', kind, images.directory);
      const error = await errorOf(dump(program, images.path));
      const [, child = 0] = withDescendants([program.pid]);
      const source = reason.source
        .replace('CHILD', String(child))
        .replace('ROOT', String(program.pid));
      expect(error.message).to.match(new RegExp(source));
      expect(error.code).to.equal('NOT_DUMPABLE');
      expect(existsSync(images.path)).to.equal(false);
      expect(await program.ask('')).to.equal('right');
    });

  it('takes sockets, a memfd and timers that two have, and a group whose leader has ended', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/common');
    expect(await program.ask('')).to.equal('right');
    await dump(program, images.path);
    const [root, child] = await recordsIn(images.path);
    if (!root || !child) throw new Error('there are no two members');
    for (const kind of ['memfd', 'timerfd', 'signalfd', 'inet-socket'] as const) {
      const [its] = filesOf(root, kind);
      expect(its?.shared).to.be.a('number');
      expect(filesOf(child, kind).map(({ shared }) => shared)).to.deep.equal([its?.shared]);
    }
    // The segment has what the child maps of it.
    expect([root, child].flatMap((one) => filesOf(one, 'memfd')[0]?.content.length)).to.deep.equal([
      0, 0,
    ]);
    const [ends, others] = [root, child].map((one) => filesOf(one, 'unix-socket'));
    expect(ends?.map(({ shared }) => typeof shared)).to.deep.equal([
      'undefined',
      'number',
      'number',
    ]);
    expect(others?.[0]?.peer).to.equal(ends?.[0]?.socket);
    expect(child.identity.processGroup).not.to.be.oneOf(
      [root, child].map((one) => one.identity.pid),
    );
    expect(await program.ask('')).to.equal('right');
  });

  it('stores of 100 children what each has written', async () => {
    using program = await Program.start('restore/kin', 'many', '/tmp');
    using images = new ImagesDirectory();
    const { members, pages } = await dump(program, images.path);
    expect(members.length).to.equal(101);
    expect(pages).to.be.below(101 * 30);
    expect(await program.ask('')).to.equal('right');
  });

  it('refuses pipes of which somebody outside has an end, and names only them', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    const error = await errorOf(dumpTree({ pid: program.pid, images: images.path }));
    const { a } = await whereOf(program);
    const other = new RegExp(`fd 0 of pid ${a}: unix socket .* of pid ${process.pid}\\b`);
    expect(error.message).to.match(other);
    expect(error.message).not.to.match(new RegExp(`which pid [^;]*\\b${program.pid}\\b`));
    expect(await program.ask('')).to.equal('right');
  });

  it('dumps a tree whose processes are born and end all the while', async () => {
    using program = await Program.start('restore/kin', 'storm', '/tmp');
    for (let i = 0; i < 5; i++) {
      using images = new ImagesDirectory();
      const { members } = await dump(program, images.path);
      expect(members.length).to.be.at.least(2);
      expect(await recordsIn(images.path)).to.have.length(members.length);
      expect(await program.ask('')).to.equal('right');
    }
  });

  it('holds everybody of such a tree', async () => {
    using program = await Program.start('restore/kin', 'storm', '/tmp');
    for (let i = 0; i < 20; i++) {
      using tree = await HeldTree.freeze(program.pid);
      const held = new Set(tree.members.map(({ pid }) => pid));
      const zombies = new Set(tree.members.flatMap((member) => member.zombies));
      for (const pid of withDescendants([program.pid])) {
        const stat = readStat(pid);
        if (isRunning(stat)) expect([held.has(pid), stat.state]).to.deep.equal([true, 't']);
        else expect(zombies.has(pid)).to.equal(true);
      }
    }
    expect(await program.ask('')).to.equal('right');
  });

  it('ends nobody, and leaves nothing, where a member is killed meanwhile', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    const { a1, root } = await whereOf(program);
    const work = dump(program, images.path);
    await waitFor('it stands', () => readStat(a1).state === 't');
    process.kill(a1, 'SIGKILL');
    const error = await errorOf(work);
    expect(error.message).to.include(String(a1));
    expect(existsSync(images.path)).to.equal(false);
    await waitFor('it goes on', () => readStat(root).state === 'S');
  });
});

async function roundOf(path: string) {
  await using images = await ImageDirectory.open(path);
  const [round] = images.rounds;
  if (!round) throw new Error('there is no round');
  return round;
}

function isZombie(pid: number): boolean {
  try {
    return !isRunning(readStat(pid));
  } catch {
    return true;
  }
}

/** Distinct frames of what was stored or referred to, by the kernel's word, against what was stored. */
async function compareFrames({ images, members }: TreeDumpReport): Promise<void> {
  const { members: records } = await roundOf(images);
  const frames = new Set<number>();
  for (const { member, extents, target } of records) {
    const runs: number[] = [];
    for (let i = 0; i < extents.length; i++)
      if (!extents.isZero(i)) runs.push(extents.page(i), extents.nrPages(i));
    expect(member).to.be.below(members.length);
    const found = readFrames(target.pid, Float64Array.from(runs));
    for (let i = 0; i < found.length; i += 3)
      for (let j = 0; j < (found[i + 2] ?? 0); j++) frames.add((found[i] ?? 0) + j);
  }
  const { stats } = await roundOf(images);
  const ownBytes = records.reduce((sum, { extents }) => {
    let nr = 0;
    for (let i = 0; i < extents.length; i++) if (extents.flags(i) === 0) nr += extents.nrPages(i);
    return sum + nr;
  }, 0);
  expect(stats['refPages']).to.be.greaterThan(4 * nrCommon);
  // Each of them has gone on, and may have written a page of its stack.
  expect(Math.abs(frames.size - ownBytes)).to.be.at.most(members.length);
}

/** What members have against what the images say; they wait, and change nothing. */
async function compareContent({ members }: TreeDumpReport, path: string): Promise<void> {
  const records = await recordsIn(path);
  await using images = await ImageDirectory.open(path);
  for (const { pid, member } of members) {
    const memFd = openSync(`/proc/${pid}/mem`, 'r');
    const pagemapFd = openSync(`/proc/${pid}/pagemap`, 'r');
    try {
      const compared = await compareMemory(images, { memFd, pagemapFd, member });
      expect(wrong(compared.mismatches, records[member])).to.deep.equal([]);
      expect(compared.nrPages).to.be.greaterThan(nrCommon);
    } finally {
      closeSync(memFd);
      closeSync(pagemapFd);
    }
  }
}

/** The kernel writes on which CPU a thread has gone on. */
function wrong(pages: Float64Array, record: ProcessRecord | undefined): number[] {
  const written = record?.threads.map(({ rseqAddress }) => Math.floor(rseqAddress / 4096)) ?? [];
  return [...pages].filter((page) => !written.includes(page));
}
