import { expect } from 'chai';
import { addWatches } from '../../../src/restore/add-watches.js';
import type { CallStep } from '../../../src/restore/plan/step.js';

/** An inotify descriptor as the kernel has it: numbers go up, and what is removed says so. */
class Kernel {
  readonly watches = new Map<number, { path: string; mask: number }>();
  #last = 0;
  #queued = 0;
  mostQueued = 0;

  call({ call, args, expect: right }: CallStep): void {
    const [, first, second] = args;
    if (call === 'inotify_add_watch') expect(this.#add(first, Number(second))).to.equal(right);
    else if (call === 'inotify_rm_watch') {
      expect(this.watches.delete(Number(first))).to.equal(true);
      this.#queued += 16;
      this.mostQueued = Math.max(this.mostQueued, this.#queued);
    } else {
      expect(call).to.equal('read');
      expect(right).to.equal(this.#queued);
      this.#queued = 0;
    }
  }

  #add(text: unknown, mask: number): number {
    const path = (text as { text: string }).text;
    const known = [...this.watches].find(([, watch]) => watch.path === path);
    const wd = known?.[0] ?? ++this.#last;
    this.watches.set(wd, { path, mask });
    return wd;
  }

  get isQuiet(): boolean {
    return this.#queued === 0;
  }
}

describe('addWatches', () => {
  it('gives each its number and mask, and leaves nothing to be read', () => {
    const kernel = new Kernel();
    const watches = [
      { wd: 3, path: '/a', inode: 1, mask: 2 },
      { wd: 4, path: '/b', inode: 2, mask: 0x80000100 },
      { wd: 1000, path: '/c', inode: 3, mask: 8 },
    ];
    addWatches(kernel, { op: 'add-watches', fd: 5, watches });
    expect([...kernel.watches].map(([wd, { path, mask }]) => ({ wd, path, mask }))).to.deep.equal(
      watches.map(({ wd, path, mask }) => ({ wd, path, mask })),
    );
    expect(kernel.isQuiet).to.equal(true);
    expect(kernel.mostQueued).to.be.at.most(256 * 16);
  });

  it('does nothing for a descriptor that watches nothing', () => {
    const kernel = new Kernel();
    addWatches(kernel, { op: 'add-watches', fd: 5, watches: [] });
    expect(kernel.watches.size).to.equal(0);
  });
});
