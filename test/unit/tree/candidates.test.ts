import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { childrenOf } from '../../../src/proc/family.js';
import { describeTarget } from '../../../src/proc/target.js';
import { Candidates, isThere } from '../../../src/tree/candidates.js';
import type { Selection } from '../../../src/tree/selection.js';
import { waitFor } from '../../support/wait-for.js';
import { FakeProc } from '../proc/fake-proc.js';

/** A shell with a child, which both end when it goes out of scope. */
class Family implements Disposable {
  readonly #shell: ChildProcess;
  readonly parent: number;
  child = 0;

  private constructor(shell: ChildProcess) {
    this.#shell = shell;
    this.parent = shell.pid ?? 0;
  }

  static async start(): Promise<Family> {
    const shell = spawn('sh', ['-c', 'sleep 1000 & read line'], { detached: true });
    await once(shell, 'spawn');
    const family = new Family(shell);
    await waitFor('a child', () => childrenOf(family.parent).length === 1);
    family.child = childrenOf(family.parent)[0] ?? 0;
    return family;
  }

  async endParent(): Promise<void> {
    this.#shell.kill('SIGKILL');
    await once(this.#shell, 'exit');
  }

  [Symbol.dispose](): void {
    process.kill(-this.parent, 'SIGKILL');
  }
}

function selectionOf(pid: number): Selection {
  const { startTime } = describeTarget(pid);
  return { roots: [{ pid, startTime }], isTree: true, cgroup: null, skipUntrackable: false };
}

function seen(...pids: number[]): Map<number, number> {
  return new Map(pids.map((pid) => [pid, describeTarget(pid).startTime]));
}

const pidsOf = (candidates: Candidates, of: ReadonlyMap<number, number>) =>
  candidates.find(of, true).candidates.map(({ pid }) => pid);

describe('Candidates', () => {
  it('are who has not been seen, parents before their children', async () => {
    using family = await Family.start();
    const candidates = new Candidates(selectionOf(family.parent));
    const { candidates: found, isSteady } = candidates.find(new Map(), true);
    expect(found.map(({ pid }) => pid)).to.deep.equal([family.parent, family.child]);
    expect(found.every(({ pid, startTime }) => isThere(pid, startTime))).to.equal(true);
    expect(isSteady).to.equal(true);
    expect(pidsOf(candidates, seen(family.parent))).to.deep.equal([family.child]);
    expect(pidsOf(candidates, seen(family.parent, family.child))).to.deep.equal([]);
  });

  it('are another process with a pid that was seen', async () => {
    using family = await Family.start();
    const candidates = new Candidates(selectionOf(family.parent));
    const before = new Map([[family.child, 1]]);
    expect(pidsOf(candidates, before)).to.deep.equal([family.parent, family.child]);
  });

  it('are members that have called exec, whoever has adopted them', async () => {
    using family = await Family.start();
    const candidates = new Candidates(selectionOf(family.parent));
    const child = describeTarget(family.child);
    await family.endParent();
    expect(pidsOf(candidates, new Map())).to.deep.equal([]);
    candidates.addExeced(child);
    expect(pidsOf(candidates, new Map())).to.deep.equal([family.child]);
    candidates.addExeced({ ...child, startTime: 1 });
    expect(pidsOf(candidates, new Map())).to.deep.equal([]);
  });

  it('may be more as long as processes exit, or are reaped, while it looks', () => {
    using proc = new FakeProc();
    proc.add(1);
    proc.add(5, { threads: { 5: [6] } });
    const roots = [{ pid: 5, startTime: 50 }];
    const selection = { roots, isTree: true, cgroup: null, skipUntrackable: false };
    const candidates = new Candidates(selection, proc.root);
    const isSteady = () => candidates.find(new Map([[5, 50]]), false).isSteady;
    expect(isSteady(), 'listed, and gone').to.equal(false);
    expect(isSteady(), 'once more').to.equal(false);
    proc.add(6, { state: 'Z' });
    expect(isSteady(), 'there all the time').to.equal(true);
    proc.add(7, { state: 'Z' });
    proc.add(5, { threads: { 5: [6, 7] } });
    expect(isSteady(), 'has just exited').to.equal(false);
    expect(isSteady(), 'exited before').to.equal(true);
  });
});
