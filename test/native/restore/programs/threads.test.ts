import { expect } from 'chai';
import { threadsOf } from '../../../support/threads.js';
import { Program } from '../../../support/programs.js';
import { dumpAndRestore, ImagesDirectory } from '../../../support/restored.js';
import { waitFor } from '../../../support/wait-for.js';

interface Ring {
  count: number;
  number: bigint;
}

/** Count and number of each ring of `crowd.c`. */
async function ringsOf(program: Program): Promise<Ring[]> {
  const words = (await program.ask('', 60_000)).split(' ');
  const rings = words.flatMap((word, i) =>
    i % 2 === 0 ? [{ count: Number(word), number: BigInt(words[i + 1] ?? 0) }] : [],
  );
  expect(rings).to.have.length(10);
  return rings;
}

/** What a ring computes. */
function numberAfter(count: number): bigint {
  let number = 0n;
  for (let i = 0; i < count; i++)
    number = BigInt.asUintN(64, number * 6364136223846793005n + BigInt(i));
  return number;
}

/** Until each ring is further than before, by more than one round. */
async function untilBeyond(program: Program, before: readonly Ring[]): Promise<Ring[]> {
  let rings = before;
  await waitFor(
    'the next round of each ring',
    async () => {
      rings = await ringsOf(program);
      return rings.every(({ count }, i) => count > (before[i]?.count ?? 0) + 10);
    },
    60_000,
  );
  for (const { count, number } of rings) expect(number).to.equal(numberAfter(count));
  return [...rings];
}

describe('restore of a hundred threads', function () {
  this.timeout(240_000);

  it('goes on with all of them, which wait for each other in ten ways', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/crowd');
    const rings = await untilBeyond(
      program,
      Array.from({ length: 10 }, () => ({ count: 0, number: 0n })),
    );
    expect(threadsOf(program.pid)).to.have.length(101);
    using restored = await dumpAndRestore(program, images.path);
    await untilBeyond(restored, rings);
    restored.end();
    expect(await restored.exit).to.deep.equal({ code: 17, signal: null });
  });
});
