import { expectKept, promisesOf } from '../support/promises.js';

/** Futexes in memory that several processes write. */
const sharedFutexes = ['shared', 'robust-shared', 'pi-shared', 'semaphores'];

for (const family of ['futexes', 'writers', 'shared']) {
  describe(`the promises of ${family}`, () => {
    for (const name of promisesOf(family)) {
      // It needs an overlay file system: see shared-files.test.ts.
      if (name === 'two-names') continue;
      const areOthersWriting = family === 'shared' || sharedFutexes.includes(name);
      it(`hold for ${name}`, () => expectKept(family, [name], { areOthersWriting }));
    }
  });
}
