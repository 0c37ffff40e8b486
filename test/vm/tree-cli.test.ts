import { existsSync } from 'node:fs';
import { expect } from 'chai';
import type { PageSharing } from '../../src/image/index.js';
import type { NamedSession } from '../../src/report/session-tables.js';
import type { TreeRoundReport, TreeStopReport } from '../../src/tree/tree-reports.js';
import type { TreeStatus } from '../../src/tree/tree-status.js';
import { Cgroup } from '../support/cgroup.js';
import { trackerDocument, trackerPrints, trackerRefusal } from '../support/command-line.js';
import { startFamily } from '../support/heirs-tree.js';
import { Pages } from '../support/pages.js';
import { moduleUseCount, newImagesPath } from '../support/vm.js';
import { waitFor } from '../support/wait-for.js';

/** The words of each line of a table that begins with a pid, by the pid. */
function rowsOf(text: string): Map<string, string[]> {
  const rows = text.split('\n').map((line) => line.trim().split(/ {2,}/));
  return new Map(
    rows.filter(([first]) => /^\d+$/.test(first ?? '')).map((row) => [row[0] ?? '', row]),
  );
}

describe('the command line with a tree', function () {
  this.timeout(300_000);

  it('tracks it, tells who is in it, goes on with it, and ends with nothing lost', async () => {
    using heirs = await startFamily();
    const images = newImagesPath();
    const root = String(heirs.pid(0));
    const started = await trackerPrints('start', root, '--tree', '--images', images);
    expect(started).to.match(/^round +kind +members/);
    const rows = rowsOf(started);
    for (const pid of heirs.pids.values()) expect(rows.get(String(pid))?.[1]).to.equal('heirs');
    expect(started).to.contain(`go on with: tracker iterate --images ${images}`);

    await heirs.write(2, 0, 4);
    const ofOne = await trackerPrints('status', String(heirs.pid(1)));
    expect([...rowsOf(ofOne).keys()]).to.deep.equal([`${heirs.pid(1)}`]);
    const ofAll = await trackerPrints('status');
    for (const pid of heirs.pids.values()) expect([...rowsOf(ofAll).keys()]).to.include(`${pid}`);
    await heirs.fork(2, 3);
    const ofTree = await trackerPrints('status', '--images', images);
    expect(ofTree).to.contain('1 round, 3 tracked, 1 new, 0 gone');
    expect(ofTree).to.match(new RegExp(`- +${heirs.pid(3)} +heirs +- +new`));

    await heirs.write(3, 5, 5);
    const iterated = await trackerPrints('iterate', '--images', images, '--rounds', '2');
    expect(iterated).to.contain(`joined: pid ${heirs.pid(3)} (heirs), it stood for`);
    await heirs.exit(1);
    const again = await trackerPrints('iterate', root, '--images', images, '--rounds', '1');
    expect(again).to.match(/ended: pid \d+ \(heirs\), exited/);

    expect(await trackerPrints('show', images)).to.contain('tree of 3 processes; 4 rounds');
    const sharing = await trackerPrints('show', images, '--sharing');
    const pids = [heirs.pid(0), heirs.pid(2), heirs.pid(3)].join(', ');
    expect(sharing).to.contain('shared by pid').and.to.contain(pids);

    const stopped = await trackerPrints('stop', '--images', images, '--verify');
    expect(stopped).to.contain('lost writes: 0').and.to.contain('untracked: 3 members');
    const ends = rowsOf(stopped);
    for (const pid of heirs.pids.values())
      expect(ends.get(String(pid))?.slice(-2)).to.satisfy(
        ([freeze, lost]: [string, string]) => /\d m?s$/.test(freeze) && lost === '0',
      );
    await heirs.checkAll();
  });

  it('prints one document for a program', async () => {
    using heirs = await startFamily();
    const images = newImagesPath();
    const pids = [...heirs.pids.values()];
    const root = String(heirs.pid(0));
    const started = (await trackerDocument('start', root, '--tree', '--images', images)) as {
      pids: number[];
      round: TreeRoundReport;
    };
    expect(started.pids).to.have.members(pids);
    expect(started.round).to.deep.include({ round: 0, kind: 'full', skipped: [] });
    for (const { freezeMs } of started.round.members) expect(freezeMs).to.be.greaterThan(0);

    const status = (await trackerDocument('status')) as { sessions: NamedSession[] };
    expect(status.sessions.map(({ pid }) => pid)).to.have.members(pids);
    for (const { comm, nrRegions } of status.sessions) {
      expect(comm).to.equal('heirs');
      expect(nrRegions).to.be.greaterThan(0);
    }
    await heirs.write(1, 0, 7);
    const tree = (await trackerDocument('status', '--images', images)) as TreeStatus;
    expect(tree.members.map(({ pid }) => pid)).to.have.members(pids);
    const second = tree.members.find(({ pid }) => pid === heirs.pid(1));
    expect(second).to.deep.include({ comm: 'heirs', state: 'tracked', firstRound: 0 });
    expect(second?.session?.nrDirty).to.be.at.least(7);
    expect(Date.parse(second?.since ?? '')).to.be.at.most(Date.now());

    const { rounds } = (await trackerDocument('iterate', '--images', images, '--rounds', '2')) as {
      rounds: TreeRoundReport[];
    };
    expect(rounds.map(({ round }) => round)).to.deep.equal([1, 2]);
    const shown = (await trackerDocument('show', images, '--sharing')) as {
      rounds: unknown[];
      sharing: PageSharing;
    };
    expect(shown.rounds).to.have.length(3);
    expect(shown.sharing.groups[0]?.members).to.deep.equal([0, 1, 2]);

    const stopped = (await trackerDocument(
      'stop',
      '--images',
      images,
      '--verify',
    )) as TreeStopReport;
    expect(stopped.verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
    expect(stopped.members.map(({ pid }) => pid)).to.have.members(pids);
    for (const { freezeMs, verify } of stopped.members) {
      expect(freezeMs).to.be.within(0.001, stopped.freezeMs);
      expect(verify?.lostWrites).to.equal(0);
    }
  });

  it('takes processes that are named, and nobody else', async () => {
    using heirs = await startFamily();
    using other = await Pages.start();
    const area = await other.map(100 * 4096);
    await other.write(area, 0, 100, 7);
    const images = newImagesPath();
    const pids = [String(heirs.pid(0)), String(other.pid)];
    const started = await trackerPrints('start', ...pids, '--images', images);
    expect([...rowsOf(started).keys()]).to.include.members(pids);
    expect(rowsOf(started).has(String(heirs.pid(1)))).to.equal(false);
    await other.write(area, 3, 10, 8);
    await trackerPrints('iterate', ...pids, '--images', images, '--rounds', '1');
    const stopped = await trackerPrints('stop', ...pids, '--images', images, '--verify');
    expect(stopped).to.contain('lost writes: 0').and.to.contain('untracked: 2 members');
    expect(await other.sum(area, 100)).to.equal(100 * 7 + 10);
    await heirs.checkAll();
  });

  it('takes the processes of a cgroup, and those that are born in it', async () => {
    using heirs = await startFamily();
    await using cgroup = new Cgroup('tracker-cli');
    cgroup.add(heirs.pid(0));
    cgroup.add(heirs.pid(2));
    const images = newImagesPath();
    const started = (await trackerDocument(
      'start',
      '--cgroup',
      'tracker-cli',
      '--images',
      images,
    )) as {
      pids: number[];
    };
    expect(started.pids).to.have.members([heirs.pid(0), heirs.pid(2)]);
    await heirs.fork(2, 3);
    const stopped = (await trackerDocument(
      'stop',
      '--images',
      images,
      '--verify',
    )) as TreeStopReport;
    expect(stopped.members.map(({ pid }) => pid)).to.have.members([
      heirs.pid(0),
      heirs.pid(2),
      heirs.pid(3),
    ]);
    expect(stopped.verify?.lostWrites).to.equal(0);
    await heirs.checkAll();
    for (const name of [...heirs.pids.keys()]) await heirs.exit(name);
  });

  it('refuses a cgroup that is empty, is none, or a tree that has ended', async () => {
    {
      await using cgroup = new Cgroup('tracker-empty');
      const empty = ['start', '--cgroup', 'tracker-empty', '--images', newImagesPath()];
      expect((await trackerRefusal(empty)).code).to.equal('NO_MEMBER');
      expect(cgroup.read('cgroup.events', 'populated')).to.equal(0);
    }
    const none = ['start', '--cgroup', 'tracker-none', '--images', newImagesPath()];
    expect((await trackerRefusal(none)).code).to.equal('NO_SUCH_CGROUP');
    const heirs = await startFamily();
    const images = newImagesPath();
    await trackerPrints('start', String(heirs.pid(0)), '--tree', '--images', images);
    for (const name of [...heirs.pids.keys()]) await heirs.exit(name);
    heirs[Symbol.dispose]();
    const ended = await trackerRefusal(['iterate', '--images', images, '--rounds', '1']);
    expect(ended.code).to.equal('NOT_TRACKED');
    const gone = await trackerPrints('status', '--images', images);
    expect(gone).to.contain('0 tracked, 0 new, 3 gone');
    expect((await trackerRefusal(['stop', '--images', images])).code).to.equal('NOT_TRACKED');
  });

  it('kills a tree when it is told to', async () => {
    const heirs = await startFamily();
    const images = newImagesPath();
    await trackerPrints('start', String(heirs.pid(0)), '--tree', '--images', images);
    const stopped = await trackerPrints('stop', '--images', images, '--verify', '--kill');
    expect(stopped).to.contain('killed: 3 members').and.to.contain('lost writes: 0');
    for (const pid of heirs.pids.values())
      await waitFor(`the end of pid ${pid}`, () => !existsSync(`/proc/${pid}`));
    heirs[Symbol.dispose]();
  });

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});
