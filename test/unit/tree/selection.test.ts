import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { FakeProc } from '../proc/fake-proc.js';
import { cgroupDirectory, processesOfCgroup } from '../../../src/proc/family.js';
import { decodeSelection, encodeSelection, selectedPids } from '../../../src/tree/selection.js';

const root = (pid: number) => ({ pid, startTime: pid * 10 });

describe('selectedPids', () => {
  it('are those that were named, without a tree', () => {
    using proc = new FakeProc();
    proc.add(2, { threads: { 2: [3] } });
    proc.add(5);
    const selection = { roots: [root(5), root(2)], isTree: false, cgroup: null };
    expect(selectedPids(selection, [], proc.root)).to.deep.equal([5, 2]);
  });

  it('are all descendants, by whatever thread, and each once', () => {
    using proc = new FakeProc();
    proc.add(2, { threads: { 2: [3], 20: [4] } });
    proc.add(3, { threads: { 3: [6] } });
    proc.add(4);
    proc.add(6);
    const selection = { roots: [root(2), root(3)], isTree: true, cgroup: null };
    expect(selectedPids(selection, [], proc.root)).to.deep.equal([2, 3, 4, 6]);
  });

  it('are the children of a member that somebody else has adopted', () => {
    using proc = new FakeProc();
    proc.add(2);
    proc.add(6, { threads: { 6: [7] } });
    proc.add(7);
    const selection = { roots: [root(2)], isTree: true, cgroup: null };
    expect(selectedPids(selection, [6], proc.root)).to.deep.equal([2, 6, 7]);
  });

  it('are not a later process with a pid that was named, nor one that has ended', () => {
    using proc = new FakeProc();
    proc.add(2, { threads: { 2: [3] }, startTime: 77 });
    const selection = { roots: [root(2), root(9)], isTree: true, cgroup: null };
    expect(selectedPids(selection, [], proc.root)).to.deep.equal([]);
  });

  it('are what the manifest says', () => {
    const cgroup = '/sys/fs/cgroup/web';
    const selection = { roots: [root(2)], isTree: true, cgroup, skipUntrackable: true };
    expect(decodeSelection(encodeSelection(selection))).to.deep.equal(selection);
    expect(decodeSelection({})).to.equal(undefined);
  });
});

describe('processesOfCgroup', () => {
  it('are those of the cgroup and below it', () => {
    const directory = mkdtempSync('/tmp/tracker-cgroup-');
    mkdirSync(path.join(directory, 'inner'));
    writeFileSync(path.join(directory, 'cgroup.procs'), '4\n5\n');
    writeFileSync(path.join(directory, 'inner/cgroup.procs'), '6\n0\n');
    expect(processesOfCgroup(directory)).to.deep.equal([4, 5, 6]);
    rmSync(directory, { recursive: true });
    expect(() => processesOfCgroup(directory)).to.throw('there is no cgroup of version 2');
  });

  it('is found by a relative and by a whole path', () => {
    expect(cgroupDirectory('web/a')).to.equal('/sys/fs/cgroup/web/a');
    expect(cgroupDirectory('/sys/fs/cgroup/web')).to.equal('/sys/fs/cgroup/web');
  });
});
