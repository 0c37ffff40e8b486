import { removeAllImages } from './vm.js';

/** Root hooks of the tests in the guest. */
export const mochaHooks = {
  afterEach(): void {
    removeAllImages();
  },
};
