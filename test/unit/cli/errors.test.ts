import { expect } from 'chai';
import { TargetError } from '../../../src/errors.js';
import { roundReport } from './fake-tracker.js';
import { runCli } from './run-cli.js';

const gone = new TargetError('NO_SUCH_PROCESS', 'cannot freeze pid 12: it has exited', {
  facts: { pid: 12, inode: 2n ** 60n },
  cause: new Error('ptrace(PTRACE_SEIZE) failed', { cause: 'no idea' }),
});

describe('a command that fails', () => {
  it('exits with 1 and the message alone', async () => {
    const { code, stdout, stderr, calls } = await runCli('stop 12 --images x', { error: gone });
    expect(stderr).to.equal('tracker: cannot freeze pid 12: it has exited\n');
    expect(stdout).to.equal('');
    expect(code).to.equal(1);
    expect(calls.at(-1)).to.deep.equal(['close']);
  });

  it('tells code, facts and causes with --verbose', async () => {
    const { stderr } = await runCli('start 12 --images x --verbose', { error: gone });
    expect(stderr.split('\n')).to.deep.equal([
      'tracker: cannot freeze pid 12: it has exited',
      '  code: NO_SUCH_PROCESS',
      '  pid: 12',
      '  inode: 1152921504606846976',
      '  caused by: Error: ptrace(PTRACE_SEIZE) failed',
      '  caused by: no idea',
      '',
    ]);
  });

  it('prints the error as JSON, numbers of any size too', async () => {
    const { code, stdout } = await runCli('start 12 --images x --json', { error: gone });
    expect(JSON.parse(stdout)).to.deep.equal({
      error: {
        code: 'NO_SUCH_PROCESS',
        message: 'cannot freeze pid 12: it has exited',
        facts: { pid: 12, inode: '1152921504606846976' },
      },
    });
    expect(code).to.equal(1);
  });

  it('keeps the rounds that were taken before', async () => {
    const rounds = [roundReport()];
    const { code, stdout } = await runCli('iterate 12 --images x --json', { rounds, error: gone });
    const document = JSON.parse(stdout) as { rounds: unknown; error: { code: string } };
    expect(document.rounds).to.deep.equal(rounds);
    expect(document.error.code).to.equal('NO_SUCH_PROCESS');
    expect(code).to.equal(1);
  });

  it('calls a bug a bug', async () => {
    const error = new TypeError('x is not a function');
    const { code, stderr } = await runCli('start 12 --images x', { error });
    expect(stderr).to.contain('tracker: x is not a function\nThis is a bug in tracker');
    expect(stderr).not.to.contain('    at ');
    expect(code).to.equal(1);
    const verbose = await runCli('start 12 --images x --verbose', { error });
    expect(verbose.stderr).to.contain('    at ').and.to.contain('errors.test');
    const json = await runCli('start 12 --images x --json', { error });
    expect(JSON.parse(json.stdout)).to.have.nested.property('error.code', 'INTERNAL');
  });

  it('reports the first error where cleaning up failed as well', async () => {
    const error = Object.assign(new Error('hidden'), {
      name: 'SuppressedError',
      error: new Error('cannot close'),
      suppressed: gone,
    });
    const { stderr } = await runCli('start 12 --images x --verbose', { error });
    expect(stderr).to.contain('tracker: cannot freeze pid 12');
    expect(stderr).to.contain('then, while cleaning up: cannot close');
  });

  it('does not let a file name write to the terminal', async () => {
    const error = new TargetError('X', 'cannot open a\x1b[2J');
    expect((await runCli('start 12 --images x', { error })).stderr).to.contain('a\\x1b[2J');
  });
});

describe('a command that is interrupted', () => {
  it('exits with 130 and says what was rolled back', async () => {
    const { code, stderr, calls } = await runCli('iterate 12 --images x', {
      rounds: [roundReport()],
      waits: true,
      interrupt: { signal: 'SIGINT', when: 'delta' },
    });
    expect(stderr).to.contain('tracker: interrupted by SIGINT: the running round was dropped');
    expect(code).to.equal(130);
    expect(calls.at(-1)).to.deep.equal(['close']);
  });

  it('exits with 143 on SIGTERM, its rounds and the error in one document', async () => {
    const { code, stdout } = await runCli('iterate 12 --images x --json', {
      rounds: [roundReport()],
      waits: true,
      interrupt: { signal: 'SIGTERM' },
    });
    const document = JSON.parse(stdout) as { rounds: unknown[]; error: object };
    expect(document.rounds).to.have.lengthOf(1);
    expect(document.error).to.deep.include({ code: 'INTERRUPTED', facts: { signal: 'SIGTERM' } });
    expect(code).to.equal(143);
  });

  it('asks the kernel how things are before it says so', async () => {
    const interrupt = { signal: 'SIGINT' } as const;
    const undone = await runCli('start 12 --images x', { waits: true, interrupt });
    expect(undone.stderr).to.contain('is as it was before, and nothing is left in x');
    const left = await runCli('start 12 --images x', { waits: true, interrupt, isTracked: true });
    expect(left.stderr).to.contain('stays tracked; end that with tracker stop 12');
    const stopped = await runCli('stop 12 --images x', { waits: true, interrupt });
    expect(stopped.stderr).to.contain('the final round is stored');
  });

  it('exits with 1 when it fails for another reason meanwhile', async () => {
    const interrupt = { signal: 'SIGINT' } as const;
    const { code, stderr } = await runCli('start 12 --images x', { error: gone, interrupt });
    expect(stderr).to.equal('tracker: cannot freeze pid 12: it has exited\n');
    expect(code).to.equal(1);
  });
});
