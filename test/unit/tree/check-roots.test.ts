import { expect } from 'chai';
import type { TargetError } from '../../../src/errors.js';
import type { Device } from '../../../src/kernel/device.js';
import { checkJoined, checkRoots } from '../../../src/tree/check-roots.js';
import { Members } from '../../../src/tree/members.js';
import type { Selection } from '../../../src/tree/selection.js';

/** It is not asked. */
const noDevice = Object.create(null) as Device;
/** Above what the kernel gives. */
const nobody = 4_194_305;

function select(pid: number, skipUntrackable: boolean): { selection: Selection; members: Members } {
  const roots = [{ pid, startTime: 1 }];
  const selection = { roots, isTree: true, cgroup: null, skipUntrackable };
  const options = { selection, allowExternalSharing: false };
  return { selection, members: new Members(noDevice, options, 0) };
}

function errorOf(work: () => unknown): TargetError {
  try {
    work();
  } catch (error) {
    return error as TargetError;
  }
  throw new Error('nothing was thrown');
}

describe('processes that were named', () => {
  it('are refused before anything is touched, and how to go on without them is said', () => {
    const { selection, members } = select(nobody, false);
    const { code, message } = errorOf(() => {
      checkRoots(members, selection);
    });
    expect(code).to.equal('NO_SUCH_PROCESS');
    expect(message).to.contain('--skip-untrackable leaves it out of the tree');
  });

  it('are left out when that is wanted, but somebody has to be left', () => {
    const { selection, members } = select(nobody, true);
    checkRoots(members, selection);
    expect(members.skipped.map(({ pid, code }) => [pid, code])).to.deep.equal([
      [nobody, 'NO_SUCH_PROCESS'],
    ]);
    const { code, message } = errorOf(() => checkJoined(members, selection));
    expect(code).to.equal('NO_MEMBER');
    expect(message).to.contain(`pid ${nobody}`).and.to.contain('there is no such process');
  });

  it('are never tracker itself', () => {
    const { selection, members } = select(process.pid, true);
    const { code } = errorOf(() => {
      checkRoots(members, selection);
    });
    expect(code).to.equal('OWN_PROCESS');
  });

  it('have to be members when all were looked at', () => {
    const { selection, members } = select(nobody, false);
    expect(errorOf(() => checkJoined(members, selection)).code).to.equal('NO_SUCH_PROCESS');
  });
});
