import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { expect } from 'chai';
import type { Device } from '../../../src/kernel/device.js';
import type { Session } from '../../../src/kernel/session.js';
import { TargetError } from '../../../src/errors.js';
import { readMaps } from '../../../src/proc/maps.js';
import { readStat } from '../../../src/proc/stat.js';
import type { FrozenMembers } from '../../../src/tree/frozen-members.js';
import { Members } from '../../../src/tree/members.js';
import { errorOf } from '../../support/errors.js';
import { fakeSession, layoutOf, vma } from '../../unit/dump/fixtures.js';

const outsider = 2 ** 22 + 1;
const noOrigin = '0'.repeat(32);
const frozen = {
  catch: () => undefined,
  hold: () => Promise.resolve(),
  letGo: () => undefined,
} as unknown as FrozenMembers;

/** Which other processes map a file that a child maps shared. */
type Sharers = Record<string, number[]>;

describe('members of a tree that share memory with others', () => {
  const children: ChildProcess[] = [];
  let program: string;
  let linker: string;

  beforeEach(async () => {
    for (let i = 0; i < 2; i++) {
      const child = spawn('sleep', ['infinity'], { stdio: 'ignore' });
      await once(child, 'spawn');
      children.push(child);
    }
    const paths = (await readMaps(pidOf(0))).map(({ path }) => path);
    program = readlinkSync(`/proc/${pidOf(0)}/exe`);
    // Both are mapped by the kernel: what the linker maps comes later.
    linker = paths.find((path) => path.includes('/ld-')) ?? '';
  });

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  const pidOf = (i: number) => children[i]?.pid ?? 0;

  /** A session of a child that maps these files shared: its mappings of them are taken for such. */
  async function sessionOf(pid: number, sharers: Sharers): Promise<Session> {
    const maps = await readMaps(pid);
    const pageOf = (file: string) => maps.find(({ path }) => path === file)?.startPage ?? 0;
    const memory = { kind: 'anon-shared', shared: true, state: 'swappable', prot: 3 } as const;
    const pages = new Map(Object.keys(sharers).map((file) => [pageOf(file), file]));
    const vmas = [...pages.keys()].sort((a, b) => a - b).map((page) => vma(page, page + 1, memory));
    const status = { id: `session of ${pid}`, origin: noOrigin, nrRegions: 0 };
    return fakeSession({
      pid,
      status: () => status as ReturnType<Session['status']>,
      layout: () => Promise.resolve(layoutOf(...vmas)),
      sharers: (page) => Promise.resolve(sharers[pages.get(page) ?? '']),
      close: () => undefined,
    });
  }

  /** @returns the members that are left, and why others were not taken */
  async function join(sharing: Sharers[]): Promise<{ left: number[]; skipped: string[] }> {
    const sessions = new Map<number, Session>();
    for (const [i, sharers] of sharing.entries())
      sessions.set(pidOf(i), await sessionOf(pidOf(i), sharers));
    const openSession = (pid: number) => sessions.get(pid);
    const device = { openSession, status: () => undefined } as unknown as Device;
    const roots = children.map(({ pid = 0 }) => ({ pid, startTime: readStat(pid).startTime }));
    const selection = { roots, isTree: false, cgroup: null, skipUntrackable: true };
    const options = { selection, allowExternalSharing: false };
    const members = new Members(device, options, 0);
    const joined = await members.join(frozen, 'start');
    const { skipped } = members.takeNews();
    return { left: joined.map(({ pid }) => pid), skipped: skipped.map(({ code }) => code) };
  }

  it('are all taken where nobody else has it', async () => {
    const sharing = [{ [program]: [pidOf(1)] }, { [program]: [pidOf(0)] }];
    expect(await join(sharing)).to.deep.equal({ left: [pidOf(0), pidOf(1)], skipped: [] });
  });

  for (const [first, title] of [
    [0, 'before'],
    [1, 'after'],
  ] as const)
    it(`are refused with one that is refused, and is looked at ${title} them`, async () => {
      const sharing: Sharers[] = [];
      sharing[first] = { [program]: [pidOf(1 - first)], [linker]: [outsider] };
      sharing[1 - first] = { [program]: [pidOf(first)] };
      const skipped = ['EXTERNAL_SHARING', 'EXTERNAL_SHARING'];
      expect(await join(sharing)).to.deep.equal({ left: [], skipped });
    });
});

describe('a search for members of a tree', () => {
  const children: ChildProcess[] = [];
  /** of the module, one after the other; then there are none */
  let answers: number[][];
  let nrAsked: number;

  beforeEach(async () => {
    for (let i = 0; i < 2; i++) {
      const child = spawn('sleep', ['infinity'], { stdio: 'ignore' });
      await once(child, 'spawn');
      children.push(child);
    }
    answers = [];
    nrBusy = 0;
  });

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  const pidOf = (i: number) => children[i]?.pid ?? 0;

  function sessionOf(pid: number): Session {
    const status = { id: `session of ${pid}`, origin: noOrigin, nrRegions: 0, tree: 1 };
    const memory = { kind: 'anon-private', state: 'swappable', prot: 3 } as const;
    return fakeSession({
      pid,
      status: () => status as ReturnType<Session['status']>,
      layout: () => Promise.resolve(layoutOf(vma(16, 17, memory))),
      strays: () => {
        nrAsked++;
        const pids = answers.shift() ?? [];
        return pids.map((stray) => ({ pid: stray, origin: `session of ${pidOf(0)}` }));
      },
      close: () => undefined,
    });
  }

  /** So often another controller is at the second child. */
  let nrBusy: number;

  /** The module's answer where somebody else may be asking the same. */
  function openSession(pid: number): Session {
    if (pid === pidOf(1) && nrBusy-- > 0)
      throw new TargetError('CONTROLLER_BUSY', `another controller is working on pid ${pid}`);
    return sessionOf(pid);
  }

  /** The first child and its descendants are the tree, and the first one is a member. */
  async function find(...strays: number[][]): Promise<number[]> {
    const device = { openSession, status: () => undefined } as unknown as Device;
    const pid = pidOf(0);
    const selection = {
      roots: [{ pid, startTime: readStat(pid).startTime }],
      isTree: true,
      cgroup: null,
      skipUntrackable: false,
    };
    const members = new Members(device, { selection, allowExternalSharing: false }, 0);
    await members.join(frozen, 'start');
    nrAsked = 0;
    answers = strays;
    const joined = await members.join(frozen, 'final');
    return joined.map((member) => member.pid);
  }

  it('finds nobody besides the descendants', async () => {
    expect(await find()).to.deep.equal([]);
  });

  it('takes whom the module names, also without being a listed child, and asks again', async () => {
    expect(await find([pidOf(1)])).to.deep.equal([pidOf(1)]);
    expect(nrAsked).to.equal(2);
  });

  it('asks again where another controller is asking, and says so where that one stays', async () => {
    const stray = [pidOf(1)];
    nrBusy = 3;
    expect(await find(stray, stray, stray, stray)).to.deep.equal(stray);
    nrBusy = Infinity;
    const always = Array.from({ length: 100 }, () => stray);
    const error = await errorOf(find(...always));
    expect(error.code).to.equal('CONTROLLER_BUSY');
  });

  it('waits for one that is being born, and looks on when one has gone', async () => {
    expect(await find([0], [outsider], [0])).to.deep.equal([]);
    expect(nrAsked).to.equal(4);
  });
});
