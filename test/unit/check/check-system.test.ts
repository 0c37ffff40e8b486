import { expect } from 'chai';
import { checkSystem, type System } from '../../../src/check/check-system.js';
import { DeviceError } from '../../../src/errors.js';

const allCapabilities = 'CapEff:\t000001ffffffffff\n';

const good: System = {
  nodeVersion: '20.20.2',
  kernelRelease: '6.12.95+deb12-amd64',
  arch: 'x64',
  readFile: (path) => files(path, {}),
  loadAddon: () => Promise.resolve(),
  probeModule: () => Promise.resolve(1),
};

function files(path: string, more: Record<string, string>): string {
  const text = {
    '/proc/self/status': allCapabilities,
    '/proc/self/uid_map': '         0          0 4294967295\n',
    '/proc/sys/kernel/yama/ptrace_scope': '1\n',
    ...more,
  }[path];
  if (text === undefined) throw new Error(`no ${path}`);
  return text;
}

async function failed(more: Partial<System>): Promise<string[]> {
  const results = await checkSystem({ ...good, ...more });
  return results
    .filter(({ isOk }) => !isOk)
    .map(({ name, found, advice }) => `${name}: ${found}: ${advice}`);
}

describe('checkSystem', () => {
  it('is content with a machine that has everything', async () => {
    expect(await failed({})).to.deep.equal([]);
    expect(await failed({ kernelRelease: '6.1.0-56-amd64' })).to.deep.equal([]);
  });

  it('refuses other kernels, be they alike in name', async () => {
    for (const kernelRelease of ['6.10.1', '6.6.1', '5.10.0-30-amd64', 'strange'])
      expect((await failed({ kernelRelease }))[0]).to.match(/^kernel: .*boot Linux 6.1 or 6.12/);
    expect(await failed({ arch: 'arm64' })).to.have.lengthOf(1);
  });

  it('refuses an old node', async () => {
    expect((await failed({ nodeVersion: '18.19.0' }))[0]).to.match(/^node: 18.19.0: install/);
  });

  it('names missing capabilities', async () => {
    const readFile = (path: string) => files(path, { '/proc/self/status': 'CapEff:\t0\n' });
    expect((await failed({ readFile }))[0]).to.contain('missing: CAP_SYS_PTRACE');
  });

  it('does not trust the capabilities of a user namespace', async () => {
    const readFile = (path: string) => files(path, { '/proc/self/uid_map': '0 1000 1\n' });
    expect((await failed({ readFile }))[0]).to.match(/^rights: in a user namespace/);
  });

  it('sees that nobody may use ptrace', async () => {
    const path = '/proc/sys/kernel/yama/ptrace_scope';
    expect(await failed({ readFile: (name) => files(name, { [path]: '3\n' }) })).to.have.lengthOf(
      1,
    );
  });

  it('parts what is wrong with addon and module from what to do', async () => {
    const fail = () =>
      Promise.reject(new DeviceError('MODULE_MISSING', 'cannot open it: not loaded; load it'));
    expect(await failed({ probeModule: fail, loadAddon: fail })).to.deep.equal([
      'addon: cannot open it: not loaded: load it',
      'module: cannot open it: not loaded: load it',
    ]);
  });
});
