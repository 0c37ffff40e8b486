import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';

/** Enough for the smallest xfs; the image is sparse. */
const imageBytes = 400 * 2 ** 20;

/** A file system in an image file, mounted until it goes out of scope. */
export class MountedImage implements Disposable {
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

  [Symbol.dispose](): void {
    execFileSync('umount', [this.path]);
    rmSync(this.#image);
  }
}
