import { expectKept, promisesOf } from '../support/promises.js';

/** Futexes in memory that several processes write. */
const sharedFutexes = ['shared', 'robust-shared', 'pi-shared', 'semaphores'];

for (const family of ['futexes', 'writers', 'shared']) {
  describe(`the promises of ${family}`, () => {
    for (const name of promisesOf(family)) {
      const areOthersWriting = family === 'shared' || sharedFutexes.includes(name);
      it(`hold for ${name}`, () => expectKept(family, [name], { areOthersWriting }));
    }
  });
}
