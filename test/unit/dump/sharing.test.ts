import { expect } from 'chai';
import { refuseSharing, SharedMappings } from '../../../src/dump/sharing.js';
import { TargetError } from '../../../src/errors.js';
import type { VmaRecord } from '../../../src/image/index.js';
import { fakeSession, vma } from './fixtures.js';

const memory = { kind: 'anon-shared', shared: true, state: 'swappable' } as const;
const file = { kind: 'file-shared', shared: true, state: 'swappable' } as const;

/** Every mapping is the target's and that of `pids`; counts the questions. */
function session(pids: number[]) {
  const asked: number[] = [];
  const sharers = (startPage: number) => {
    asked.push(startPage);
    return Promise.resolve([12, ...pids]);
  };
  return { asked, session: fakeSession({ sharers }) };
}

async function lookAt(...vmas: VmaRecord[]): Promise<number[]> {
  const found = await new SharedMappings().look(session([34]).session, vmas);
  return found.map(({ startPage }) => startPage);
}

describe('SharedMappings', () => {
  it('lists who else maps shared memory that somebody can write', async () => {
    const mapping = vma(100, 102, { ...memory, path: '/dev/shm/x' });
    const found = await new SharedMappings().look(session([34, 0]).session, [mapping]);
    expect(found).to.deep.equal([
      { path: '/dev/shm/x', startPage: 100, endPage: 102, pids: [34, 0] },
    ]);
  });

  it('does not list memory that only the target maps', async () => {
    const found = await new SharedMappings().look(session([]).session, [vma(1, 2, memory)]);
    expect(found).to.deep.equal([]);
  });

  it('leaves out what is private, and files that are only read', async () => {
    expect(
      await lookAt(
        vma(100, 101),
        vma(200, 201, { ...file, prot: 1 }),
        vma(300, 301, { ...memory, prot: 1, state: 'readonly' }),
        vma(400, 401, { ...memory, prot: 1, inode: 1 }),
        vma(500, 501, { ...file, inode: 2 }),
      ),
    ).to.deep.equal([400, 500]);
  });

  it('asks once per file, and later only about what is new', async () => {
    const shared = new SharedMappings();
    const { asked, session: fake } = session([34]);
    const first = vma(100, 101, { ...memory, path: '/a', inode: 1 });
    const again = vma(200, 201, { ...memory, path: '/a', inode: 1 });
    const other = vma(300, 301, { ...memory, path: '/b', inode: 2 });
    await shared.look(fake, [first, again]);
    await shared.look(fake, [{ ...first, state: 'tracked' }, again]);
    expect(asked).to.deep.equal([100]);
    const found = await shared.look(fake, [first, other]);
    expect(asked).to.deep.equal([100, 300]);
    expect(found.map(({ path }) => path)).to.deep.equal(['/a', '/b']);
    await shared.look(fake, [first, again]);
    expect(asked).to.deep.equal([100, 300, 200]);
  });

  it('asks again about what was gone, also where the layout is the same', async () => {
    const answers = [undefined, [12, 34]];
    const fake = fakeSession({ sharers: () => Promise.resolve(answers.shift()) });
    const shared = new SharedMappings();
    const vmas = [vma(100, 102, memory)];
    expect(await shared.look(fake, vmas)).to.deep.equal([]);
    const [found] = await shared.look(fake, vmas);
    expect(found?.pids).to.deep.equal([34]);
  });

  it('asks about a file once more where its first mapping is gone', async () => {
    const asked: number[] = [];
    const sharers = (startPage: number) => {
      asked.push(startPage);
      return Promise.resolve(startPage === 100 ? undefined : [12, 34]);
    };
    const mappings = [100, 200, 300].map((page) => vma(page, page + 1, { ...memory, inode: 1 }));
    const found = await new SharedMappings().look(fakeSession({ sharers }), mappings);
    expect(found.map(({ startPage }) => startPage)).to.deep.equal([200, 300]);
    expect(asked).to.deep.equal([100, 200]);
  });
});

describe('refuseSharing', () => {
  it('accepts a target that shares with nobody', () => {
    refuseSharing(12, []);
  });

  it('names the mapping, its size, the processes and the option', () => {
    const mapping = { path: '/dev/shm/x', startPage: 256, endPage: 258, pids: [process.pid, 0] };
    const refuse = () => {
      refuseSharing(12, [mapping, mapping]);
    };
    expect(refuse)
      .to.throw(TargetError)
      .with.deep.include({
        code: 'EXTERNAL_SHARING',
        facts: {
          pid: 12,
          address: '0x100000',
          path: '/dev/shm/x',
          size: 8192,
          pids: `${process.pid},0`,
        },
      });
    expect(refuse).to.throw(/0x100000 \(\/dev\/shm\/x, 8.0 KiB\) is mapped/);
    expect(refuse).to.throw(
      /pid \d+ \(\S+\), one outside this pid namespace \(and 1 more mapping\);/,
    );
    expect(refuse).to.throw('--allow-external-sharing');
  });
});
