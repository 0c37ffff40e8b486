import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { waitFor } from './wait-for.js';

/** Enough for the smallest xfs; the image is sparse. */
const imageBytes = 400 * 2 ** 20;

/** A file system in an image file, mounted until it goes out of scope. */
export class MountedImage implements AsyncDisposable {
  readonly path: string;
  readonly #image: string;

  constructor(type: 'xfs' | 'btrfs') {
    this.path = `/tmp/promises-${type}`;
    this.#image = `${this.path}.img`;
    execFileSync('modprobe', ['-a', 'loop', type]);
    execFileSync('truncate', ['-s', String(imageBytes), this.#image]);
    execFileSync(`mkfs.${type}`, ['-q', this.#image]);
    mkdirSync(this.path);
    execFileSync('mount', ['-o', 'loop', '-t', type, this.#image, this.path]);
  }

  /** The module lets go of a target's files soon after its end, not at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await waitFor(
      `${this.path} unmounted`,
      () => spawnSync('umount', [this.path], { stdio: 'ignore' }).status === 0,
    );
    rmSync(this.#image);
  }
}
