import { expect } from 'chai';
import { runCli } from './run-cli.js';

describe('a command line that cannot be understood', () => {
  const cases: [line: string, message: string][] = [
    ['', 'which command?'],
    ['strat 12 --images x', 'unknown command: strat'],
    ['start', 'missing --images'],
    ['start abc --images x', "'abc' is no pid"],
    ['start 12x --images x', "'12x' is no pid"],
    ['start -3 --images x', "'-3' is no pid"],
    ['start 0 --images x', "'0' is no pid"],
    ['start 99999999999 --images x', "'99999999999' is no pid"],
    ['start 12', 'missing --images'],
    ['start 12 --images', '--images needs a value'],
    ['start 12 --images=', '--images is empty'],
    ['start 12 --images a --images b', '--images is given more than once'],
    ['start 12 x3 --images x', "'x3' is no pid"],
    ['start --tree --images x', 'not enough arguments: wanted PID'],
    ['start 12 --cgroup= --images x', '--cgroup is empty'],
    ['stop 12 --images x --bogus', 'unknown: bogus'],
    ['stop 12 --images x --no-verify', 'unknown: no-verify\n'],
    ['iterate 12 --images x --rounds 0', "--rounds wants a whole number of at least 1, not '0'"],
    [
      'iterate 12 --images x --interval 1.5',
      "--interval wants a whole number of at least 0, not '1.5'",
    ],
    [
      'iterate 12 --images x --until many',
      "--until wants a whole number of at least 0, not 'many'",
    ],
    ['squash a', 'not enough arguments: wanted DIR OUT'],
    ['squash a b --up-to -1', '--up-to'],
    ['status me', "'me' is no pid"],
  ];

  for (const [line, message] of cases) {
    it(`exits with 2 and a hint: tracker ${line}`, async () => {
      const { code, stdout, stderr, calls } = await runCli(line);
      expect(stderr).to.contain(`tracker: ${message}`).and.to.contain('--help');
      expect(stdout).to.equal('');
      expect(code).to.equal(2);
      expect(calls).to.deep.equal([]);
    });
  }

  it('is a JSON document with --json', async () => {
    const { code, stdout } = await runCli('start 12 --json');
    expect(JSON.parse(stdout)).to.deep.equal({
      error: {
        code: 'USAGE',
        message: 'missing --images',
        facts: { hint: 'tracker start --help tells what it takes' },
      },
    });
    expect(code).to.equal(2);
  });
});

describe('help', () => {
  it('lists every command', async () => {
    const { code, stdout } = await runCli('--help');
    for (const name of ['check', 'start', 'iterate', 'stop', 'status', 'show', 'squash'])
      expect(stdout).to.contain(`tracker ${name}`);
    expect(code).to.equal(0);
  });

  it('tells the options of one command', async () => {
    const { code, stdout } = await runCli('iterate --help');
    expect(stdout).to.contain('--until').and.to.contain('--interval');
    expect(code).to.equal(0);
  });

  it('tells the version', async () => {
    expect((await runCli('--version')).stdout).to.match(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('a directory whose name is a number', () => {
  it('stays a name', async () => {
    const { calls } = await runCli('start 12 --images 007');
    expect(calls[0]).to.deep.equal(['start', 12, '007', { allowExternalSharing: false }]);
  });
});
