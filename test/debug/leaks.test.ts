import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { moduleUseCount, unloadModule } from '../support/vm.js';
import { waitFor } from '../support/wait-for.js';

const kmemleak = '/sys/kernel/debug/kmemleak';

/** An object is reported by the second scan that does not find a reference to it. */
function scan(): string {
  writeFileSync(kmemleak, 'scan');
  writeFileSync(kmemleak, 'scan');
  return readFileSync(kmemleak, 'utf8');
}

/** Reports of which the backtrace passes through the module. */
function reportsOfModule(text: string): string[] {
  return text.split(/^(?=unreferenced object)/m).filter((report) => /\[tracker\]/.test(report));
}

/* The last file of its group: what all tests before it have left. */
describe('after all tests', () => {
  it('no memory of the module is lost, neither loaded nor unloaded', async () => {
    await waitFor('the end of the last session', () => moduleUseCount() === 0);
    expect(reportsOfModule(scan())).to.deep.equal([]);
    unloadModule();
    expect(reportsOfModule(scan())).to.deep.equal([]);
  });
});
