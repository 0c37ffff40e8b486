import { expect } from 'chai';
import { refusedSessions } from '../../../src/dump/tree/refused-sessions.js';

const process = (pid: number, ppid: number, session: number) => ({ pid, ppid, session });

describe('refusedSessions', () => {
  it('takes a tree in the session of whoever has started it', () => {
    const members = [process(10, 5, 3), process(11, 10, 3), process(12, 11, 3)];
    expect(refusedSessions(members, [process(13, 11, 3)])).to.deep.equal([]);
  });

  it('takes sessions that members have made, and what is in them', () => {
    const members = [process(10, 5, 10), process(11, 10, 11), process(12, 11, 11)];
    expect(refusedSessions(members, [process(13, 12, 11), process(14, 10, 14)])).to.deep.equal([]);
  });

  it('takes a child that was born before its parent made a session of its own', () => {
    const older = [process(10, 5, 3), process(11, 10, 11), process(12, 11, 3), process(13, 11, 11)];
    expect(refusedSessions(older, [])).to.deep.equal([]);
    const root = [process(10, 5, 10), process(11, 10, 3), process(12, 10, 10)];
    expect(refusedSessions(root, [])).to.deep.equal([]);
  });

  it('refuses one that is in an earlier session and younger than one in the later', () => {
    const members = [
      process(10, 5, 3),
      process(11, 10, 11),
      process(13, 11, 11),
      process(14, 11, 3),
    ];
    expect(refusedSessions(members, [])).to.deep.equal([
      'session 3 of pid 14, which its parent, pid 11, is not in',
    ]);
  });

  it('refuses an orphan whose session its new parent is not in', () => {
    const members = [
      process(10, 5, 3),
      process(11, 10, 9),
      process(12, 10, 12),
      process(13, 10, 12),
    ];
    expect(refusedSessions(members, [])).to.deep.equal([
      'session 9 of pid 11, which its parent, pid 10, is not in',
      'session 12 of pid 13, which its parent, pid 10, is not in',
    ]);
  });

  it('refuses one that has ended in another session than its parent', () => {
    const members = [process(10, 5, 3), process(11, 10, 11)];
    expect(refusedSessions(members, [process(12, 11, 3)])).to.deep.equal([
      'session 3 of pid 12, which its parent, pid 11, is not in',
    ]);
  });
});
