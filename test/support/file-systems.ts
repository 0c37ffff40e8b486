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

  async [Symbol.asyncDispose](): Promise<void> {
    await waitForUnmount(this.path);
    rmSync(this.#image);
  }
}

/** An overlay file system above two directories of the guest's disk, until it goes out of scope. */
export class MountedOverlay implements AsyncDisposable {
  /** has `upper`, and `merged` where it is mounted */
  readonly base = '/tmp/promises-overlay';

  constructor() {
    const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => {
      const directory = `${this.base}/${name}`;
      mkdirSync(directory, { recursive: true });
      return directory;
    });
    const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    execFileSync('mount', ['-t', 'overlay', '-o', layers, 'overlay', merged ?? '']);
  }

  get path(): string {
    return `${this.base}/merged`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await waitForUnmount(this.path);
    rmSync(this.base, { recursive: true });
  }
}

/** The module lets go of a target's files soon after its end, not at once. */
function waitForUnmount(path: string): Promise<void> {
  return waitFor(
    `${path} unmounted`,
    () => spawnSync('umount', [path], { stdio: 'ignore' }).status === 0,
  );
}
