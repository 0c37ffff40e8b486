import { expectKept, promisesOf } from '../support/promises.js';

for (const family of ['futexes', 'writers', 'shared']) {
  describe(`the promises of ${family}`, () => {
    for (const name of promisesOf(family)) {
      it(`hold for ${name}`, () => expectKept(family, [name]));
    }
  });
}
