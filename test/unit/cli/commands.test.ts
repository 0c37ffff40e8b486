import { expect } from 'chai';
import type { Untracked } from '../../../src/dump/reports.js';
import { roundReport, sessionStatus, stopReport, verifyReport } from './fake-tracker.js';
import { runCli } from './run-cli.js';

describe('tracker start', () => {
  it('prints round 0 and gives control up', async () => {
    const { code, stdout, calls } = await runCli('start 12 --images x');
    expect(stdout)
      .to.match(/^round +kind.*\n +0 +delta/)
      .and.to.contain('pid 12 is tracked');
    expect(calls).to.deep.equal([['start', 12, 'x', { allowExternalSharing: false }], ['close']]);
    expect(code).to.equal(0);
  });

  it('passes on that others may share the memory', async () => {
    const { calls } = await runCli('start 12 --images x --allow-external-sharing');
    expect(calls[0]).to.deep.equal(['start', 12, 'x', { allowExternalSharing: true }]);
  });

  it('names shared memory and those who share it', async () => {
    const sharing = [{ path: '/dev/shm/x', startPage: 256, endPage: 258, pids: [34, 35] }];
    const { stdout } = await runCli('start 12 --images x', { rounds: [roundReport({ sharing })] });
    expect(stdout).to.contain('shared: /dev/shm/x, 8.0 KiB, with pid 34, 35\n');
  });

  it('prints the round as JSON', async () => {
    const { stdout } = await runCli('start 12 --images x --json');
    const round = roundReport({ round: 0 });
    expect(JSON.parse(stdout)).to.deep.equal({ pid: 12, images: 'x', round });
  });
});

describe('tracker iterate', () => {
  const rounds = [roundReport(), roundReport({ round: 2 })];

  it('passes its limits on, and only those that were given', async () => {
    const { calls } = await runCli('iterate 12 --images x --rounds 3 --interval 0 --until 9');
    expect(calls[0]).to.deep.equal(['rounds', 12, 'x', { count: 3, intervalMs: 0, until: 9 }]);
    const without = await runCli('iterate 12 --images x');
    expect(without.calls).to.deep.equal([['rounds', 12, 'x', {}], ['close']]);
  });

  it('prints a row per round', async () => {
    const { stdout } = await runCli('iterate 12 --images x', { rounds });
    expect(stdout.split('\n').map((line) => line.slice(0, 12))).to.deep.equal([
      'round  kind ',
      '    1  delta',
      '    2  delta',
      '',
    ]);
  });

  it('repeats notes only when they change', async () => {
    const rest = { nrVmas: 1, pages: 1, storedPages: 0, names: ['/dev/x'] };
    const untracked: Untracked[] = [{ kind: 'special', reason: 'kind', ...rest }];
    const noted = [1, 2].map((round) => roundReport({ round, untracked }));
    const { stdout } = await runCli('iterate 12 --images x', { rounds: noted });
    expect(
      stdout.match(/untracked: special \(kind\), 1 mapping, 4.0 KiB: .dev.x/g),
    ).to.have.lengthOf(1);
  });

  it('prints one JSON document', async () => {
    const { stdout, stderr } = await runCli('iterate 12 --images x --json', { rounds });
    expect(JSON.parse(stdout)).to.deep.equal({ rounds });
    expect(stderr).to.equal('');
  });
});

describe('tracker stop', () => {
  it('says how the process goes on', async () => {
    const { code, stdout, calls } = await runCli('stop 12 --images x');
    expect(calls[0]).to.deep.equal([
      ...['stop', 12, 'x'],
      { kill: false, verify: false, external: [], isShellJob: false },
    ]);
    expect(stdout).to.contain('12 mappings put back in 2.0 ms, it stood for 30 ms');
    expect(stdout).to.contain(
      'round 6 has the process (2 threads, 5 descriptors): tracker restore x\n',
    );
    expect(stdout).not.to.contain('lost writes');
    expect(code).to.equal(0);
  });

  it('prints the phases of the freeze as JSON', async () => {
    const { stdout } = await runCli('stop 12 --images x --json');
    const { freeze } = stopReport();
    expect(JSON.parse(stdout)).to.deep.include({ freezeMs: 30, freeze });
  });

  it('prints that no write was lost', async () => {
    const stop = stopReport({ verify: verifyReport(0), isKilled: true });
    const { code, stdout, calls } = await runCli('stop 12 --images x --kill --verify', { stop });
    expect(calls[0]).to.deep.equal([
      ...['stop', 12, 'x'],
      { kill: true, verify: true, external: [], isShellJob: false },
    ]);
    expect(stdout).to.contain('pid 12 is killed\n').and.to.contain('\nlost writes: 0\n');
    expect(code).to.equal(0);
  });

  it('says why the images have the memory alone, and fails if the process was to be killed', async () => {
    const notRestorable = 'cannot dump pid 12: fd 7 of pid 12: TCP connection';
    const stop = stopReport({ process: null, notRestorable });
    const { code, stdout } = await runCli('stop 12 --images x --external 1 --shell-job', { stop });
    expect(stdout).to.contain(`memory alone is in x: ${notRestorable}\n`);
    expect(code).to.equal(0);
    expect((await runCli('stop 12 --images x --kill', { stop })).code).to.equal(1);
  });

  it('hands on how the process is going to be restored', async () => {
    const { calls } = await runCli('stop 12 --images x --external 1 --external 7 --shell-job');
    const how = { kill: false, verify: false, external: [1, 7], isShellJob: true };
    expect(calls[0]).to.deep.equal(['stop', 12, 'x', how]);
  });

  it('tells pages that others have changed from lost ones', async () => {
    const stop = stopReport({ verify: verifyReport(0, [], 3) });
    const { code, stdout } = await runCli('stop 12 --images x --verify', { stop });
    expect(stdout).to.contain('lost writes: 0\nchanged by other processes meanwhile: 3 pages\n');
    expect(code).to.equal(0);
  });

  it('fails when writes were lost', async () => {
    const stop = stopReport({ verify: verifyReport(2, ['0x1000', '0x5000']) });
    const { code, stdout } = await runCli('stop 12 --images x --verify', { stop });
    expect(stdout).to.contain('lost writes: 2\n  at 0x1000\n  at 0x5000\n');
    expect(code).to.equal(1);
    const json = await runCli('stop 12 --images x --verify --json', { stop });
    expect(JSON.parse(json.stdout)).to.deep.include({ pid: 12, verify: stop.verify });
    expect(json.code).to.equal(1);
  });
});

describe('tracker status', () => {
  it('says that nothing is tracked', async () => {
    expect((await runCli('status')).stdout).to.equal('no process is tracked\n');
    expect(JSON.parse((await runCli('status --json')).stdout)).to.deep.equal({ sessions: [] });
  });

  it('lists sessions with the names of their processes', async () => {
    const sessions = [
      sessionStatus({ pid: process.pid }),
      sessionStatus({ pid: 0, overflow: true }),
    ];
    const { stdout } = await runCli('status', { sessions });
    expect(stdout.split('\n')[0]).to.match(/^ *pid  name +controller/);
    expect(stdout)
      .to.match(/node.* 17 .*1.0 MiB/)
      .and.to.contain(' all ');
  });

  it('fails for a process that is not tracked', async () => {
    const { code, stderr } = await runCli('status 12');
    expect(stderr).to.contain('tracker: pid 12 is not tracked; begin with tracker start 12');
    expect(code).to.equal(1);
  });
});
