import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { packageRoot } from '../../src/package-root.js';
import { moduleUseCount } from '../support/vm.js';

const debugfs = '/sys/kernel/debug';
const injectors = ['failslab', 'fail_page_alloc'];

/** Every allocation of a task that asks for it can fail, those that may wait and user pages too. */
function prepareInjection(): void {
  const settings: Record<string, string> = {
    'ignore-gfp-wait': 'N',
    'ignore-gfp-highmem': 'N',
    'cache-filter': 'N',
    'min-order': '0',
    probability: '0',
    times: '-1',
    verbose: '0',
  };
  for (const injector of injectors) {
    const directory = path.join(debugfs, injector);
    for (const name of readdirSync(directory)) {
      const value = settings[name];
      if (value !== undefined) writeFileSync(path.join(directory, name), value);
    }
  }
}

/** Lines of the kernel's log, in order. */
function kernelLog(): string[] {
  return execFileSync('dmesg', { encoding: 'utf8', maxBuffer: 2 ** 26 }).split('\n');
}

interface Step {
  name: string;
  nrInjected: number;
  nrFailed: number;
}

function trackUnderFaults(): Step[] {
  const program = path.join(packageRoot(), 'build/programs/faults');
  // The kernel kills a program whose rseq area it cannot write to, as after a fork and a failed allocation.
  const env = { ...process.env, GLIBC_TUNABLES: 'glibc.pthread.rseq=0' };
  const lines = execFileSync(program, { encoding: 'utf8', env }).trim().split('\n');
  return lines.map((line) => {
    const [name = '', nrInjected, nrFailed] = line.split(' ');
    return { name, nrInjected: Number(nrInjected), nrFailed: Number(nrFailed) };
  });
}

describe('every allocation that can fail', () => {
  it('fails its call with ENOMEM and leaves the target right, tracked or not', function () {
    // Six minutes alone, and the kernel says much.
    this.timeout(2_400_000);
    prepareInjection();
    const before = kernelLog();
    const steps = trackUnderFaults();
    console.log(
      steps.map(({ name, nrInjected, nrFailed }) => `${name} ${nrFailed}/${nrInjected}`).join(', '),
    );
    const injected = new Map(steps.map(({ name, nrInjected }) => [name, nrInjected]));
    // Where nothing was injected nothing was tested.
    for (const name of ['open', 'swap', 'swap-shared', 'write', 'fork', 'revert'])
      expect(injected.get(name), name).to.be.greaterThan(0);
    expect(steps.find(({ name }) => name === 'open')?.nrFailed).to.be.greaterThan(0);
    expect(steps.find(({ name }) => name === 'swap')?.nrFailed).to.be.greaterThan(0);
    expect(moduleUseCount()).to.equal(0);
    const said = kernelLog().slice(before.length - 1);
    expect(
      said.filter((line) => /tracker/.test(line) && !/out of memory/i.test(line)),
    ).to.deep.equal([]);
  });
});
