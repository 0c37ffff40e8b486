import { expect } from 'chai';
import { ImageDirectory } from '../../../src/image/index.js';
import { addRound, anonVma, makeChain, memberDetails, Scratch, TARGET } from '../image/fixtures.js';
import { runCli } from './run-cli.js';

describe('images', () => {
  let scratch: Scratch;
  let images: string;

  beforeEach(async () => {
    scratch = await Scratch.create();
    images = await makeChain(scratch);
  });
  afterEach(() => scratch[Symbol.asyncDispose]());

  describe('tracker show', () => {
    it('lists the rounds', async () => {
      const { code, stdout } = await runCli(['show', images]);
      const lines = stdout.trim().split('\n');
      expect(lines[0]).to.equal(`${images}: writer, pid 4242; 3 rounds, 24.0 KiB`);
      expect(lines[1]).to.match(/^round +kind +epoch +mappings +extents +pages +zero +size/);
      expect(lines[2]).to.match(/^ +0 +full +1 +1 +1 +4 +0 +16.0 KiB +- +- +\d{4}-/);
      expect(lines[4]).to.match(/^ +2 +delta +3 +same +1 +1 +0 +4.0 KiB/);
      expect(code).to.equal(0);
    });

    it('lists the mappings that a round inherits', async () => {
      const { stdout } = await runCli(['show', images, '--vma', '--round', '2']);
      expect(stdout).to.match(/0x10000 +0x20000 +rw-p +64.0 KiB +anon-private +tracked/);
    });

    it('lists the pages of each round, or of one', async () => {
      const { stdout } = await runCli(['show', images, '--pages']);
      const rows = stdout.trim().split('\n').slice(2);
      expect(rows.map((row) => row.trim().split(/ +/).slice(0, 4).join(' '))).to.deep.equal([
        '0 0x10000 0x14000 4',
        '1 0x11000 0x12000 1',
        '2 0x12000 0x13000 1',
      ]);
      const one = await runCli(['show', images, '--pages', '--round', '1']);
      expect(one.stdout.trim().split('\n')).to.have.lengthOf(3);
    });

    it('has everything in one JSON document', async () => {
      const { stdout } = await runCli(['show', images, '--json', '--vma', '--pages']);
      const document = JSON.parse(stdout) as Record<string, object[]>;
      expect(document).to.include({ directory: images }).and.to.have.nested.property('target.pid');
      expect(document['rounds']?.[1]).to.include({ number: 1, kind: 'delta', nrVmas: null });
      expect(document['vmas']?.[0]).to.include({ startPage: 16, endPage: 32 });
      expect(document['pages']?.[2]).to.deep.equal({
        round: 2,
        ranges: [{ startPage: 18, endPage: 19, content: 'data' }],
      });
    });

    /** A child with its parent's pages, but for one. */
    async function addChild(): Promise<void> {
      const sourceFd = await scratch.source([7, 8], 'child');
      await using directory = await ImageDirectory.open(images, { write: true });
      await using writer = await directory.beginRound();
      writer.member(1).inherit(16, 16, 0, 16);
      await writer.member(1).append({ sourceFd, runs: Float64Array.of(0, 16, 1) });
      const target = { ...TARGET, pid: 4243, comm: 'child' };
      const vmas = [anonVma(16, 48)];
      const more = { parent: 0, parentPid: TARGET.pid, kind: 'full', vmas } as const;
      const members = [memberDetails(), memberDetails({ member: 1, target, ...more })];
      await writer.commit({ isFrozen: false, members, stats: {} });
    }

    it('tells who shares how many pages', async () => {
      await addChild();
      const { stdout, code } = await runCli(['show', images, '--sharing']);
      expect(stdout.trim().split('\n')).to.deep.equal([
        `${images}: writer, pid 4242, tree of 2 processes; 4 rounds, 28.0 KiB`,
        ' pid  name    pages  shared  own',
        '4242  writer      4       3    1',
        '4243  child       4       3    1',
        '',
        'pages      size  shared by pid',
        '    3  12.0 KiB  4242, 4243',
      ]);
      expect(code).to.equal(0);
      const earlier = await runCli(['show', images, '--sharing', '--round', '2', '--json']);
      expect(JSON.parse(earlier.stdout)).to.have.deep.property('sharing', {
        round: 2,
        members: [{ member: 0, pid: 4242, comm: 'writer', pages: 4, sharedPages: 0, ownPages: 4 }],
        groups: [],
        segments: [],
      });
    });

    it('shows the mappings and pages of one process of several', async () => {
      await addChild();
      const { stdout } = await runCli([
        'show',
        images,
        '--member',
        '1',
        '--vma',
        '--pages',
        '--json',
      ]);
      const document = JSON.parse(stdout) as Record<string, object[]>;
      expect(document['vmas']?.[0]).to.include({ startPage: 16, endPage: 48 });
      expect(document['pages']).to.deep.equal([
        {
          round: 3,
          ranges: [
            { startPage: 16, endPage: 32, content: 'inherited' },
            { startPage: 16, endPage: 17, content: 'data' },
          ],
        },
      ]);
      expect(document['rounds']?.[3]).to.have.nested.property('members[1].parentPid', 4242);
      const missing = await runCli(['show', images, '--member', '2', '--vma']);
      expect(missing.stderr).to.contain('has no member 2');
    });

    it('refuses a round that is not there, and what is no images directory', async () => {
      const missing = await runCli(['show', images, '--round', '3']);
      expect(missing.stderr).to.contain('has no round 3, its last round is 2');
      const foreign = await runCli(['show', '/', '--json']);
      expect(JSON.parse(foreign.stdout)).to.have.nested.property('error.code', 'IMAGES_FOREIGN');
      expect([missing.code, foreign.code]).to.deep.equal([1, 1]);
    });

    it('follows a writer until it is interrupted', async () => {
      await using directory = await ImageDirectory.open(images, { write: true });
      let isWritten = false;
      const { code, stdout } = await runCli(['show', images, '--follow'], {
        interrupt: { signal: 'SIGINT', when: '\n    4  ' },
        onStdout: (text) => {
          if (isWritten || !text.includes('\n    2  ')) return;
          isWritten = true;
          void addRound(directory, { epoch: 4 }).then(() => addRound(directory, { epoch: 5 }));
        },
      });
      const rounds = stdout.match(/^ +(\d) {2}/gm)?.map(Number);
      expect(rounds).to.deep.equal([0, 1, 2, 3, 4]);
      expect(code).to.equal(130);
    }).timeout(20_000);
  });

  describe('tracker squash', () => {
    it('writes one full round', async () => {
      const out = scratch.file('out');
      const { code, stdout } = await runCli(['squash', images, out]);
      expect(stdout).to.equal(`${out}: one full round, 4 pages, 16.0 KiB\n`);
      expect(code).to.equal(0);
      await using result = await ImageDirectory.open(out);
      expect(result.rounds).to.have.lengthOf(1);
    });

    it('takes the memory of an earlier round', async () => {
      const out = scratch.file('out');
      const { stdout } = await runCli(['squash', images, out, '--up-to', '1', '--json']);
      expect(JSON.parse(stdout)).to.include({ directory: out, pages: 4, bytes: 16_384, epoch: 2 });
    });

    it('leaves nothing when it is interrupted', async () => {
      const out = scratch.file('out');
      const { code, stderr } = await runCli(['squash', images, out], {
        interrupt: { signal: 'SIGINT' },
      });
      expect(stderr).to.equal(`tracker: interrupted by SIGINT: nothing is left in ${out}\n`);
      expect(code).to.equal(130);
    });

    it('refuses a directory that is in use', async () => {
      const { code, stderr } = await runCli(['squash', images, images]);
      expect(stderr).to.contain('already holds images');
      expect(code).to.equal(1);
    });
  });
});
