import { expect } from 'chai';
import { untrackedOf } from '../../../src/dump/untracked.js';
import { tracked, vma } from './fixtures.js';

describe('untrackedOf', () => {
  it('groups writable mappings by kind and reason, with names and stored pages', () => {
    const ring = vma(16, 18, { kind: 'anon-shared', state: 'kind', path: '/[aio]' });
    const other = vma(32, 33, { kind: 'anon-shared', state: 'kind', path: '/[aio]' });
    const nameless = vma(48, 50, { state: 'special-flags' });
    const stored = new Map([
      [ring, 2],
      [nameless, 1],
    ]);
    const vmas = [ring, other, nameless, vma(60, 61, { prot: 1 }), tracked(70, 71, 1)];
    expect(untrackedOf(vmas, stored)).to.deep.equal([
      {
        kind: 'anon-shared',
        reason: 'kind',
        nrVmas: 2,
        pages: 3,
        storedPages: 2,
        names: ['/[aio]'],
      },
      {
        kind: 'anon-private',
        reason: 'special-flags',
        nrVmas: 1,
        pages: 2,
        storedPages: 1,
        names: ['0x30000'],
      },
    ]);
  });

  it('lists a bounded number of names', () => {
    const vmas = Array.from({ length: 100 }, (_, i) => vma(2 * i, 2 * i + 1, { state: 'huge' }));
    const [group] = untrackedOf(vmas, new Map());
    expect(group?.names).to.have.lengthOf(16);
    expect(group?.nrVmas).to.equal(100);
  });
});
