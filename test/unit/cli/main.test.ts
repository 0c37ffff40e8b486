import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { packageRoot } from '../../../src/package-root.js';
import { makeChain, Scratch } from '../image/fixtures.js';

const main = path.join(packageRoot(), 'src/cli/main.ts');

function startMain(argv: readonly string[]) {
  return spawn(process.execPath, ['--import=tsx', main, ...argv], {
    cwd: packageRoot(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function endOf(child: ReturnType<typeof startMain>) {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

describe('the program', function () {
  this.timeout(60_000);

  it('exits with the code of its command line', async () => {
    const { code, stdout, stderr } = await endOf(startMain(['start', 'x', '--images', 'y']));
    expect(stderr).to.contain("tracker: 'x' is no pid");
    expect(stdout).to.equal('');
    expect(code).to.equal(2);
  });

  it('ends cleanly on SIGTERM', async () => {
    await using scratch = await Scratch.create();
    const child = startMain(['show', await makeChain(scratch), '--follow']);
    child.stdout.once('data', () => child.kill('SIGTERM'));
    const { code, stdout, stderr } = await endOf(child);
    expect(stdout).to.contain('3 rounds');
    expect(stderr).to.equal('tracker: interrupted by SIGTERM\n');
    expect(code).to.equal(143);
  });

  it('ends when nobody reads its output', async () => {
    await using scratch = await Scratch.create();
    const child = startMain(['show', await makeChain(scratch), '--follow']);
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code).to.equal(141);
  });
});
