import { expectKept, promisesOf } from '../support/promises.js';

/** What is different with some programs. */
const peculiarities: Readonly<Record<string, Parameters<typeof expectKept>[2]>> = {
  // A child goes on without its parent.
  orphan: { lastWords: ['orphan ok'] },
  // The comparison looks at the page table of terabytes.
  sparse: { nrFlips: 0 },
};

for (const family of ['forks', 'advice', 'mremaps', 'maps', 'private_file']) {
  describe(`the promises of ${family.replace('_', ' ')}`, () => {
    for (const name of promisesOf(family)) {
      it(`hold for ${name}`, () => expectKept(family, [name], peculiarities[name]));
    }
  });
}
