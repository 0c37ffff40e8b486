import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { crc32c } from '../../../src/image/crc32c.js';
import { ImageDirectory } from '../../../src/image/index.js';
import {
  addRound,
  anonVma,
  details,
  firstOf,
  imageErrorOf,
  makeChain,
  Scratch,
  TARGET,
} from './fixtures.js';

/** Changes the version of a frame and makes its checksum right again. */
async function setVersion(path: string, version: number): Promise<void> {
  const frame = await readFile(path);
  frame.writeUInt32LE(version, 8);
  frame.writeUInt32LE(crc32c(frame.subarray(0, -4)), frame.length - 4);
  await writeFile(path, frame);
}

describe('ImageDirectory', () => {
  let scratch: Scratch;

  beforeEach(async () => {
    scratch = await Scratch.create();
  });

  afterEach(async () => {
    await scratch[Symbol.asyncDispose]();
  });

  describe('create', () => {
    it('makes a directory that only its owner can read', async () => {
      const path = scratch.file('a/b');
      await using directory = await ImageDirectory.create(path, { target: TARGET });
      expect(directory.rounds).to.have.length(0);
      expect((await stat(path)).mode & 0o777).to.equal(0o700);
      for (const name of await readdir(path)) {
        expect((await stat(join(path, name))).mode & 0o777).to.equal(0o600);
      }
    });

    it('takes an empty directory, and one where an earlier create was killed', async () => {
      const path = scratch.file('images');
      await mkdir(path);
      await writeFile(join(path, 'lock.trk'), '');
      await writeFile(join(path, 'manifest.trk.tmp'), 'half');
      await using directory = await ImageDirectory.create(path, { target: TARGET });
      expect(directory.manifest.target).to.deep.equal(TARGET);
    });

    it('refuses a directory with other files and names them', async () => {
      await writeFile(scratch.file('notes.txt'), 'mine');
      const error = await imageErrorOf(() =>
        ImageDirectory.create(scratch.path, { target: TARGET }),
      );
      expect(error.code).to.equal('IMAGES_NOT_EMPTY');
      expect(error.message).to.include("'notes.txt'").and.include('choose');
      expect(await readdir(scratch.path)).to.deep.equal(['notes.txt']);
    });

    it('refuses a directory that holds images', async () => {
      const path = await makeChain(scratch);
      const error = await imageErrorOf(() => ImageDirectory.create(path, { target: TARGET }));
      expect(error.code).to.equal('IMAGES_EXIST');
    });

    it('refuses a path that is a file', async () => {
      await writeFile(scratch.file('file'), '');
      const create = () => ImageDirectory.create(scratch.file('file'), { target: TARGET });
      expect((await imageErrorOf(create)).code).to.equal('IMAGES_WRITE_FAILED');
    });
  });

  describe('open', () => {
    it('reads back what was committed', async () => {
      const path = scratch.file('images');
      const sourceFd = await scratch.source([7, 0, 8]);
      const fileVma = anonVma(40, 50, {
        kind: 'file-private',
        path: '/lib/x.so',
        offset: 4096,
        fileSize: 9000,
        fileMtimeNs: 1_763_688_000_123_456_789n,
      });
      const written = await (async () => {
        await using directory = await ImageDirectory.create(path, { target: TARGET });
        await using writer = await directory.beginRound();
        await writer.member(0).append({ sourceFd, runs: Float64Array.of(0, 2 ** 35, 3) });
        writer.member(0).clear(1, 5);
        const vmas = [anonVma(1, 9), fileVma];
        return await writer.commit(details({ kind: 'full', vmas, stats: { freezeMs: 1.5 } }));
      })();

      await using directory = await ImageDirectory.open(path);
      expect(directory.last).to.deep.include({
        number: 0,
        id: written.id,
        parent: null,
        stats: { freezeMs: 1.5, pages: 3, zeroPages: 1, refPages: 0, bytes: 8192 },
      });
      const read = firstOf(directory.last);
      expect(read).to.deep.include({
        epoch: 1,
        vmas: [anonVma(1, 9), fileVma],
        cleared: Float64Array.of(1, 5),
      });
      expect(read.extents.at(2)).to.include({ page: 2 ** 35 + 2, nrPages: 1, filePage: 1 });
    });

    it('keeps fields that this version does not know', async () => {
      const path = scratch.file('images');
      const unknownFields = { future: { list: [1, 'two'] } };
      const vma = { ...anonVma(1, 2), color: 'blue' };
      {
        await using directory = await ImageDirectory.create(path, {
          target: TARGET,
          unknownFields,
        });
        await addRound(directory, { kind: 'full', vmas: [vma], unknownFields });
      }
      await using directory = await ImageDirectory.open(path);
      expect(directory.manifest.unknownFields).to.deep.equal(unknownFields);
      expect(directory.last?.unknownFields).to.deep.equal(unknownFields);
      expect(firstOf(directory.last).vmas).to.deep.equal([vma]);
    });

    it('chains each round to the one before', async () => {
      await using directory = await ImageDirectory.open(await makeChain(scratch));
      const [first, second, third] = directory.rounds;
      expect(first?.parent).to.equal(null);
      expect(second?.parent).to.equal(first?.id);
      expect(third?.parent).to.equal(second?.id);
    });

    it('says that a directory does not exist', async () => {
      const error = await imageErrorOf(() => ImageDirectory.open(scratch.file('nowhere')));
      expect(error.code).to.equal('IMAGES_NOT_FOUND');
    });

    it('says what a foreign directory holds, and changes nothing in it', async () => {
      await writeFile(scratch.file('photo.jpg'), '');
      const error = await imageErrorOf(() => ImageDirectory.open(scratch.path, { write: true }));
      expect(error.code).to.equal('IMAGES_FOREIGN');
      expect(error.message).to.include("'photo.jpg'");
      expect(await readdir(scratch.path)).to.deep.equal(['photo.jpg']);
    });

    it('refuses an empty directory and a file', async () => {
      const empty = await imageErrorOf(() => ImageDirectory.open(scratch.path));
      expect(empty.code).to.equal('IMAGES_FOREIGN');
      await writeFile(scratch.file('file'), '');
      const file = await imageErrorOf(() => ImageDirectory.open(scratch.file('file')));
      expect(file.code).to.equal('IMAGES_FOREIGN');
    });

    it('notices rounds without a manifest', async () => {
      const path = await makeChain(scratch);
      await rm(join(path, 'manifest.trk'));
      const error = await imageErrorOf(() => ImageDirectory.open(path));
      expect(error.code).to.equal('IMAGES_DAMAGED');
      expect(error.message).to.include('manifest.trk is missing');
    });

    for (const name of ['manifest.trk', 'round-0001.meta']) {
      it(`refuses a newer ${name} and says which version it has`, async () => {
        const path = await makeChain(scratch);
        await setVersion(join(path, name), 3);
        const error = await imageErrorOf(() => ImageDirectory.open(path));
        expect(error.code).to.equal('IMAGES_NEWER');
        expect(error.message).to.include('version 3').and.include(name);
      });

      it(`refuses an older ${name}`, async () => {
        const path = await makeChain(scratch);
        await setVersion(join(path, name), 1);
        const error = await imageErrorOf(() => ImageDirectory.open(path));
        expect(error.code).to.equal('IMAGES_OLDER');
        expect(error.message).to.include('version 1, this tracker reads version 2');
      });

      it(`notices every flipped byte of ${name}`, async () => {
        const path = await makeChain(scratch);
        const whole = await readFile(join(path, name));
        for (let i = 0; i < whole.length; i++) {
          const damaged = Buffer.from(whole);
          damaged[i] = (damaged[i] ?? 0) ^ 0x10;
          await writeFile(join(path, name), damaged);
          const error = await imageErrorOf(() => ImageDirectory.open(path));
          expect(error.code, `byte ${i}`).to.equal('IMAGES_DAMAGED');
          expect(error.message).to.include(name);
        }
      }).timeout(20_000);

      it(`notices every truncation of ${name}`, async () => {
        const path = await makeChain(scratch);
        const { size } = await stat(join(path, name));
        for (let length = size - 1; length >= 0; length -= 7) {
          await truncate(join(path, name), length);
          const error = await imageErrorOf(() => ImageDirectory.open(path));
          expect(error.code).to.equal('IMAGES_DAMAGED');
          expect(error.message).to.include(`ends at ${length} of`);
        }
      });
    }

    it('names round, file and offset where a pages file is too short', async () => {
      const path = await makeChain(scratch);
      await truncate(join(path, 'round-0002.pages'), 100);
      const error = await imageErrorOf(() => ImageDirectory.open(path));
      expect(error.code).to.equal('IMAGES_TRUNCATED');
      expect(error.message).to.include(
        'round 2, round-0002.pages ends at 100 of 4096 bytes; the last whole round is 1',
      );
      expect(error.facts).to.include({ round: 2 });
    });

    it('refuses a pages file that is too long', async () => {
      const path = await makeChain(scratch);
      await truncate(join(path, 'round-0002.pages'), 8192);
      const error = await imageErrorOf(() => ImageDirectory.open(path));
      expect(error.code).to.equal('IMAGES_DAMAGED');
      expect(error.message).to.include('4096 too many');
    });

    it('says which file of a round is missing', async () => {
      const path = await makeChain(scratch);
      await rm(join(path, 'round-0001.pages'));
      const pages = await imageErrorOf(() => ImageDirectory.open(path));
      expect(pages.code).to.equal('IMAGES_TRUNCATED');
      expect(pages.message).to.include('round-0001.pages is missing');

      await rm(join(path, 'round-0001.meta'));
      const meta = await imageErrorOf(() => ImageDirectory.open(path));
      expect(meta.code).to.equal('IMAGES_ROUND_MISSING');
      expect(meta.message).to.include('round-0001.meta is missing, and round-0002.meta is there');
    });

    it('notices a round of another directory', async () => {
      const path = await makeChain(scratch);
      const other = await makeChain(scratch, 'other');
      await rename(join(other, 'round-0002.meta'), join(path, 'round-0002.meta'));
      const error = await imageErrorOf(() => ImageDirectory.open(path));
      expect(error.code).to.equal('IMAGES_MIXED');
      expect(error.message).to.include('round-0002.meta belongs to another images directory');
    });

    it('notices a round that was renamed', async () => {
      const path = await makeChain(scratch);
      await rename(join(path, 'round-0002.meta'), join(path, 'round-0001.meta'));
      expect((await imageErrorOf(() => ImageDirectory.open(path))).code).to.equal('IMAGES_MIXED');
    });

    it('reads the whole rounds before a damaged one on request', async () => {
      const path = await makeChain(scratch);
      await truncate(join(path, 'round-0002.meta'), 10);
      await using directory = await ImageDirectory.open(path, { upTo: 1 });
      expect(directory.rounds).to.have.length(2);
      const error = await imageErrorOf(() => ImageDirectory.open(path, { upTo: 9 }));
      expect(error.code).to.equal('IMAGES_DAMAGED');
    });
  });

  describe('after a crash', () => {
    const LEFTOVERS = ['round-0003.pages', 'round-0003.meta.tmp', 'round-0004.pages.tmp'];

    it('ends at the last whole round, for a reader without touching the rest', async () => {
      const path = await makeChain(scratch);
      for (const name of LEFTOVERS) await writeFile(join(path, name), 'half');
      await using directory = await ImageDirectory.open(path);
      expect(directory.last?.number).to.equal(2);
      expect(await readdir(path)).to.include.members(LEFTOVERS);
    });

    it('lets the next writer remove what is left, and go on', async () => {
      const path = await makeChain(scratch);
      for (const name of LEFTOVERS) await writeFile(join(path, name), 'half');
      await using directory = await ImageDirectory.open(path, { write: true });
      expect(await readdir(path)).to.not.include.members(LEFTOVERS);
      expect((await addRound(directory, {})).number).to.equal(3);
    });

    it('removes nothing from a damaged directory', async () => {
      const path = await makeChain(scratch);
      for (const name of LEFTOVERS) await writeFile(join(path, name), 'half');
      await truncate(join(path, 'round-0000.pages'), 0);
      await imageErrorOf(() => ImageDirectory.open(path, { write: true }));
      expect(await readdir(path)).to.include.members(LEFTOVERS);
    });

    it('is free again when a writer was killed in the middle of a round', async () => {
      const path = await makeChain(scratch);
      const program = fileURLToPath(new URL('programs/unfinished-writer.ts', import.meta.url));
      const writer = spawn(process.execPath, ['--import=tsx', program, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(writer.stdout, 'data');
      const error = await imageErrorOf(() => ImageDirectory.open(path, { write: true }));
      expect(error.code).to.equal('IMAGES_LOCKED');
      expect(error.message).to.include(`pid ${writer.pid ?? ''}`);
      expect(await readdir(path)).to.include('round-0003.pages.tmp');

      writer.kill('SIGKILL');
      await once(writer, 'exit');
      await using directory = await ImageDirectory.open(path, { write: true });
      expect(directory.last?.number).to.equal(2);
      expect(await readdir(path)).to.not.include('round-0003.pages.tmp');
    }).timeout(20_000);
  });

  describe('with two writers', () => {
    it('refuses the second one and names the pid of the first', async () => {
      const path = await makeChain(scratch);
      await using first = await ImageDirectory.open(path, { write: true });
      const error = await imageErrorOf(() => ImageDirectory.open(path, { write: true }));
      expect(error.code).to.equal('IMAGES_LOCKED');
      expect(error.message).to.include(`pid ${process.pid}`);
      expect(first.rounds).to.have.length(3);
    });

    it('lets readers in, who see committed rounds only', async () => {
      const path = await makeChain(scratch);
      await using directory = await ImageDirectory.open(path, { write: true });
      await using writer = await directory.beginRound();
      writer.member(0).appendZeros(16, 1);
      await using before = await ImageDirectory.open(path);
      await writer.commit(details());
      await using after = await ImageDirectory.open(path);
      expect([before.rounds.length, after.rounds.length]).to.deep.equal([3, 4]);
    });

    it('lets the second one in after the first has closed', async () => {
      const path = await makeChain(scratch);
      const first = await ImageDirectory.open(path, { write: true });
      await first.close();
      await using second = await ImageDirectory.open(path, { write: true });
      expect((await addRound(second, {})).number).to.equal(3);
    });
  });
});
