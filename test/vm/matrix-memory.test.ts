import { expectKept, promisesOf } from '../support/promises.js';

/** What comes after a program's last line: from a child that goes on without its parent. */
const lastWords: Readonly<Record<string, string[]>> = { orphan: ['orphan ok'] };

for (const family of ['forks', 'advice', 'mremaps', 'maps', 'private_file']) {
  describe(`the promises of ${family.replace('_', ' ')}`, () => {
    for (const name of promisesOf(family)) {
      it(`hold for ${name}`, async () => {
        await expectKept(family, [name], { lastWords: lastWords[name] });
      });
    }
  });
}
