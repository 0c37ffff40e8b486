import { expect } from 'chai';
import { Orphans } from '../../../src/proc/orphans.js';
import { FakeProc } from './fake-proc.js';

const tracked = '7f00-7f01 rw-p 00000000 00:01 77    /tracker (deleted)\n';
const plain = '7f00-7f01 rw-p 00000000 00:00 0 \n7f02-7f03 r--p 0 08:01 9 /tracker\n';

describe('Orphans', () => {
  it('are children of the first process that have memory of a tracked one', () => {
    using proc = new FakeProc();
    proc.add(1, { ppid: 0, threads: { 1: [5, 6, 7] } });
    proc.add(5, { maps: plain });
    proc.add(6, { maps: plain + tracked });
    proc.add(7, { maps: tracked, threads: { 7: [8] } });
    proc.add(8, { ppid: 7, maps: tracked });
    const orphans = new Orphans(proc.root);
    expect(orphans.find(new Set([7, 8])).orphans).to.deep.equal([6]);
  });

  it('are adopted by any ancestor of a member, of one that has ended since too', () => {
    using proc = new FakeProc();
    proc.add(1, { ppid: 0, threads: { 1: [2] } });
    proc.add(2, { maps: plain, threads: { 2: [3] } });
    proc.add(3, { ppid: 2, threads: { 3: [] } });
    const orphans = new Orphans(proc.root);
    expect(orphans.find(new Set([3])).orphans).to.deep.equal([]);
    proc.remove(3);
    proc.add(2, { maps: plain, threads: { 2: [4], 20: [5] } });
    proc.add(4, { ppid: 2, maps: tracked });
    proc.add(5, { ppid: 2, maps: tracked });
    expect(orphans.find(new Set()).orphans).to.have.members([4, 5]);
  });

  it('are adopted by the first process of a namespace that a member has come into', () => {
    using proc = new FakeProc();
    proc.add(1, { ppid: 0, namespace: 'pid:[1]', threads: { 1: [] } });
    proc.add(20, { namespace: 'pid:[2]', namespacePid: 1, threads: { 20: [22] } });
    proc.add(21, { namespace: 'pid:[2]', namespacePid: 2 });
    proc.add(22, { ppid: 20, namespace: 'pid:[2]', namespacePid: 3, maps: tracked });
    proc.add(30, { ppid: 1, namespace: 'pid:[2]', namespacePid: 9 });
    const orphans = new Orphans(proc.root);
    expect(orphans.find(new Set([30])).orphans).to.deep.equal([22]);
  });

  it('are looked at again when their pid has another process', () => {
    using proc = new FakeProc();
    proc.add(1, { ppid: 0, threads: { 1: [5] } });
    proc.add(5, { maps: plain });
    const orphans = new Orphans(proc.root);
    expect(orphans.find(new Set()).orphans).to.deep.equal([]);
    proc.add(5, { maps: tracked });
    expect(orphans.find(new Set()).orphans, 'one process is one thing for ever').to.deep.equal([]);
    proc.add(5, { maps: tracked, startTime: 99 });
    expect(orphans.find(new Set()).orphans).to.deep.equal([5]);
  });

  it('are not those that were found to be strangers', () => {
    using proc = new FakeProc();
    proc.add(1, { ppid: 0, threads: { 1: [5, 6] } });
    proc.add(5, { maps: tracked });
    proc.add(6, { maps: tracked });
    const orphans = new Orphans(proc.root);
    expect(orphans.find(new Set()).orphans).to.deep.equal([5, 6]);
    orphans.addStranger(6, 60);
    expect(orphans.find(new Set()).orphans).to.deep.equal([5]);
    expect(orphans.find(new Set()).orphans, 'for ever').to.deep.equal([5]);
  });

  it('hide their children when they exit: they are looked at again', () => {
    using proc = new FakeProc();
    proc.add(1, { ppid: 0, threads: { 1: [5, 6, 7, 8] } });
    proc.add(6, { state: 'Z' });
    proc.add(7, { maps: '' });
    proc.add(8, { maps: '', flags: 0x200000 });
    const found = new Orphans(proc.root).find(new Set());
    expect(found).to.deep.equal({ orphans: [], exiting: [7], exited: [5, 6] });
  });
});
