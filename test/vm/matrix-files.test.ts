import { expectKept } from '../support/promises.js';
import { MountedImage } from '../support/file-systems.js';

const promises = [
  ['shared', 'file'],
  ['shared', 'file-views'],
  ['shared', 'file-foreign-write'],
  ['shared', 'file-punch'],
  ['shared', 'file-truncate'],
  ['private_file', 'written'],
  ['private_file', 'truncate'],
  ['private_file', 'file-changes'],
] as const;

function expectAllKept(directory: () => string): void {
  for (const [family, name] of promises) {
    it(`hold for ${family.replace('_', ' ')} ${name}`, () =>
      expectKept(family, [name, directory()], { areOthersWriting: family === 'shared' }));
  }
}

describe('the promises of a tmpfs', () => {
  expectAllKept(() => '/dev/shm');
});

for (const type of ['xfs', 'btrfs'] as const) {
  describe(`the promises of ${type}`, () => {
    let image: MountedImage;

    before(() => {
      image = new MountedImage(type);
    });

    after(async () => {
      await image[Symbol.asyncDispose]();
    });

    expectAllKept(() => image.path);
  });
}
