import { expect } from 'chai';
import { memberReport, treeRoundReport, treeStopReport } from './fake-tracker.js';
import { runCli } from './run-cli.js';

const plain = {
  isTree: false,
  cgroup: undefined,
  skipUntrackable: false,
  allowExternalSharing: false,
};

describe('tracker start of several processes', () => {
  it('takes several pids, a tree, a cgroup', async () => {
    const started = async (line: string) => (await runCli(`start ${line} --images x`)).calls[0];
    expect(await started('12 13')).to.deep.equal(['start', [12, 13], plain]);
    expect(await started('12 --tree --skip-untrackable')).to.deep.equal([
      'start',
      [12],
      { ...plain, isTree: true, skipUntrackable: true },
    ]);
    expect(await started('--cgroup web')).to.deep.equal(['start', [], { ...plain, cgroup: 'web' }]);
  });

  it('prints a row for the round and one for each member', async () => {
    const { code, stdout } = await runCli('start 12 --tree --images x');
    expect(stdout)
      .to.match(/^round +kind +members/)
      .and.to.contain('tracker iterate --images x');
    expect(stdout)
      .to.match(/12 +server/)
      .and.to.match(/13 +server/);
    expect(code).to.equal(0);
  });

  it('prints the round as JSON', async () => {
    const { stdout } = await runCli('start 12 --tree --images x --json');
    const { pids, images, round } = JSON.parse(stdout) as Record<string, unknown>;
    expect({ pids, images }).to.deep.equal({ pids: [12, 13], images: 'x' });
    expect(round).to.deep.include({ round: 0, refPages: 30, skipped: [] });
  });
});

describe('tracker iterate and stop of several processes', () => {
  it('need no pid', async () => {
    const { calls, stdout } = await runCli('iterate --images x --rounds 1');
    expect(calls.slice(0, 2)).to.deep.equal([
      ['resume', [], 'x'],
      ['rounds', { count: 1 }],
    ]);
    expect(stdout).to.contain('joined: pid 13 (server), it stood for');
  });

  it('leave out what cannot be tracked when they are told to', async () => {
    const { calls } = await runCli('iterate --images x --rounds 1 --skip-untrackable');
    expect(calls[0]).to.deep.equal(['resume', [], 'x', 'skip']);
    const stopped = await runCli('stop --images x --skip-untrackable');
    expect(stopped.calls[0]).to.deep.equal(['resume', [], 'x', 'skip']);
  });

  it('warn of who is left out, with --json too, and say who may come later', async () => {
    const reason = (pid: number) => `cannot track pid ${pid}: it is a 32-bit process`;
    const treeRound = treeRoundReport({
      skipped: [
        { pid: 20, code: 'NOT_64_BIT', reason: reason(20), isNewborn: false },
        { pid: 21, code: 'NOTHING_TRACKABLE', reason: reason(21), isNewborn: true },
      ],
      ended: [{ member: 7, pid: 30, comm: 'worker', reason: 'first-thread-exited' }],
      members: [memberReport({ isNew: true, freezeMs: 12 })],
    });
    const { stdout, stderr } = await runCli('iterate --images x --rounds 1', { treeRound });
    expect(stderr).to.equal(`tracker: LEFT OUT: ${reason(20)}\n`);
    expect(stdout)
      .to.contain(`LEFT OUT: ${reason(20)}`)
      .and.to.contain(`not yet: ${reason(21)}`)
      .and.to.contain('ended: pid 30 (worker), its first thread has exited')
      .and.to.contain('joined: pid 12 (server), it stood for 12 ms');
    const json = await runCli('iterate --images x --rounds 1 --json', { treeRound });
    expect(json.stderr).to.contain('LEFT OUT');
    expect(JSON.parse(json.stdout)).to.deep.include({ rounds: [treeRound] });
  });

  it('tell for how long each process stood, and how its memory compares', async () => {
    const { stdout } = await runCli('stop --images x --verify');
    expect(stdout).to.match(/pid +name +dirty +pages +refs +put back +freeze +lost/);
    expect(stdout).to.match(/12 +server +6 +5 +15 +12 +30 ms +0/);
    expect(stdout).to.contain('all stood for at most 40 ms');
  });

  it('find out by the images what a single pid means', async () => {
    const { calls } = await runCli('stop 12 --images x --verify', { isTree: true });
    expect(calls[0]).to.deep.equal(['resume', [12], 'x']);
    expect(calls[1]).to.deep.equal(['stop', { kill: false, verify: true }]);
  });

  it('fail when a write of any member is lost', async () => {
    const { code, stdout } = await runCli('stop --images x --verify', {
      treeStop: treeStopReport(1),
    });
    expect(stdout).to.contain('lost writes: 1').and.to.contain('at 0x1000 of pid 12');
    expect(code).to.equal(1);
  });
});

describe('tracker status', () => {
  it('tells what has become of the processes of some images', async () => {
    const { stdout } = await runCli('status --images x');
    expect(stdout).to.contain('x: 3 rounds, 1 tracked, 1 new, 1 gone');
    expect(stdout).to.match(/0 +12 +server +- +tracked +5 +17 +1.0 MiB +0 +2026-01-02T03:04:05/);
    expect(stdout).to.match(/1 +13 +worker +0 +ended +- +- +- +2 +2026/);
    expect(stdout).to.match(/- +14 +worker +- +new/);
    const json = await runCli('status --images x --json');
    const { members } = JSON.parse(json.stdout) as { members: { state: string }[] };
    expect(members.map(({ state }) => state)).to.deep.equal(['tracked', 'ended', 'new']);
  });

  it('takes a pid or images', async () => {
    const { code, stderr } = await runCli('status 12 --images x');
    expect(stderr).to.contain('a pid or --images, not both');
    expect(code).to.equal(2);
  });
});
