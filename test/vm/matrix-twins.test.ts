import { mkdtempSync, rmSync } from 'node:fs';
import { expect } from 'chai';
import { readCore, readSegments } from '../support/core-file.js';
import { describeMappings, describePolicies, totalKib } from '../support/mappings.js';
import { Program } from '../support/programs.js';
import { startTracking, stopVerified } from '../support/promises.js';

const nrKnownPages = 16;

describe('a target that maps one of everything', () => {
  let directory: string;

  before(() => {
    directory = mkdtempSync('/tmp/everything-');
  });

  after(() => {
    rmSync(directory, { recursive: true });
  });

  it('has the same mappings afterwards as an untracked twin', async () => {
    using target = await Program.start('everything', directory);
    using twin = await Program.start('everything', directory);
    const tracker = await startTracking(target.pid);
    await tracker.round();
    await stopVerified(tracker);
    expect(describeMappings(target.pid)).to.deep.equal(describeMappings(twin.pid));
    const expectedPolicies = describePolicies(twin.pid);
    for (const [address, policy] of describePolicies(target.pid))
      expect(policy, address).to.equal(expectedPolicies.get(address));
    for (const name of ['Rss', 'Anonymous', 'Locked']) {
      const [own, expected] = [totalKib(target.pid, name), totalKib(twin.pid, name)];
      expect(own, name).to.be.within(0.75 * expected, 1.25 * expected);
    }
  });

  it('counts as much memory while it is tracked as before', async () => {
    using target = await Program.start('everything', directory);
    const before = totalKib(target.pid, 'Rss');
    const tracker = await startTracking(target.pid);
    const during = totalKib(target.pid, 'Rss');
    await stopVerified(tracker);
    expect(during).to.be.within(0.5 * before, 1.5 * before);
  });

  async function dumpCore(isTracked: boolean): Promise<{ core: string; known: number }> {
    using target = await Program.start('everything', directory);
    const known = parseInt(await target.line(), 16);
    const tracker = isTracked ? await startTracking(target.pid) : null;
    target.send('abort');
    expect((await target.exit).signal).to.equal('SIGABRT');
    await tracker?.close();
    return { core: `/tmp/core.everything.${target.pid}`, known };
  }

  it('leaves a core that has all that an untracked one has', async () => {
    const expected = await dumpCore(false);
    const { core, known } = await dumpCore(true);
    const segments = readCore(core);
    for (let page = 0; page < nrKnownPages; page++) {
      const content = readSegments(segments, known + page * 4096, 4096);
      expect(content?.equals(Buffer.alloc(4096, 'a'.charCodeAt(0) + page))).to.equal(true);
    }
    const untracked = readCore(expected.core);
    expect(untracked.length).to.be.greaterThan(50);
    for (const { address, content } of untracked)
      for (let at = 0; at < content.length; at += 4096)
        expect(
          readSegments(segments, address + at, 4096),
          (address + at).toString(16),
        ).not.to.equal(undefined);
    rmSync(core);
    rmSync(expected.core);
  });
});
