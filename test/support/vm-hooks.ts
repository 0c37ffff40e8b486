import { writeFileSync } from 'node:fs';
import { removeAllImages } from './vm.js';

/** Root hooks of the tests in the guest. */
export const mochaHooks = {
  /** Page counts are of small pages, unless a test wants it otherwise. */
  beforeAll(): void {
    writeFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'madvise');
  },
  afterEach(): void {
    removeAllImages();
  },
};
