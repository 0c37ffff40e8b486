import { expect } from 'chai';
import { parseMaps, readMaps } from '../../../src/proc/maps.js';

const line = (path: string): string =>
  `55d0c1000000-55d0c1003000 rw-s 00002000 fd:01 1234567                    ${path}\n`;

describe('parseMaps', () => {
  it('reads every field of a line', () => {
    expect(parseMaps(line('/usr/bin/redis-server'))).to.deep.equal([
      {
        startPage: 0x55d0c1000,
        endPage: 0x55d0c1003,
        perms: 'rw-s',
        isShared: true,
        offset: 0x2000,
        dev: 'fd:01',
        inode: 1234567,
        path: '/usr/bin/redis-server',
        isDeleted: false,
      },
    ]);
  });

  it('reads an anonymous mapping, with and without blanks at the end', () => {
    for (const end of ['', ' ', '                      ']) {
      const [entry] = parseMaps(`7f0000000000-7f0000001000 rw-p 00000000 00:00 0${end}\n`);
      expect(entry).to.include({ path: '', inode: 0, isShared: false });
    }
  });

  it('reads the last page of the address space exactly', () => {
    const text = 'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   [vsyscall]\n';
    expect(parseMaps(text)[0]).to.include({
      startPage: 0xffffffffff600,
      endPage: 0xffffffffff601,
      path: '[vsyscall]',
    });
  });

  it('keeps names the kernel gives: heap, stack, named memory', () => {
    for (const name of [
      '[heap]',
      '[stack]',
      '[anon:my arena]',
      '[anon_shmem:a b]',
      '/SYSV00000000',
    ])
      expect(parseMaps(line(name))[0]).to.include({ path: name, isDeleted: false });
  });

  it('keeps blanks, brackets, carriage returns and other alphabets in a file name', () => {
    for (const path of [
      '/a  b ',
      '/[heap]',
      '/x\r',
      '/\u00e4\u2028\u65e5',
      '/a (deleted) b',
      '/\\n',
    ])
      expect(parseMaps(line(path))[0]).to.include({ path });
  });

  it('unescapes a newline in a file name', () => {
    expect(parseMaps(line('/a\\012b'))[0]).to.include({ path: '/a\nb' });
  });

  it('takes the mark of a deleted file off its name', () => {
    expect(parseMaps(line('/memfd:buffer (deleted)'))[0]).to.include({
      path: '/memfd:buffer',
      isDeleted: true,
    });
  });

  it('refuses what is no line of maps, by its text', () => {
    expect(() => parseMaps('Size: 4 kB\n')).to.throw('"Size: 4 kB"');
  });
});

describe('readMaps', () => {
  it('finds the executable mapping of node in its own process', async () => {
    const entries = await readMaps(process.pid);
    expect(
      entries.some(({ path, perms }) => path === process.execPath && perms === 'r-xp'),
    ).to.equal(true);
  });

  it('refuses a pid that does not exist', async () => {
    const error: unknown = await readMaps(2 ** 30).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'NO_SUCH_PROCESS');
  });
});
