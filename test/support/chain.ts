import { expect } from 'chai';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { packageRoot } from '../../src/package-root.js';
import type { Program } from './programs.js';
import { dumpProgram, ImagesDirectory, restoreProgram } from './restored.js';
import { waitFor } from './wait-for.js';

/** How far a program of `test/programs/loops` is. */
interface Progress {
  nrLinks: number;
  digest: string;
  nrTicks: number;
}

/** A file of `test/programs/loops`. */
export function loopSource(name: string): string {
  return path.join(packageRoot(), 'test/programs/loops', name);
}

/**
 * Dumps a program that computes a hash chain in the middle of that, ends it and restores it: it is
 * further then, its chain is right, and its timer goes on; and once more, from what was restored.
 */
export async function expectGoesOn(program: Program): Promise<void> {
  using images = new ImagesDirectory();
  let before = await untilBeyond(program, { nrLinks: 0, digest: '', nrTicks: 0 });
  let last = program;
  try {
    for (const round of ['first', 'second']) {
      const directory = `${images.path}-${round}`;
      await dumpProgram(program, directory);
      await last.exit;
      last = await restoreProgram(program.pid, directory);
      before = await untilBeyond(last, before);
    }
    last.end();
    expect(await last.exit).to.deep.equal({ code: 0, signal: null });
  } finally {
    last.kill();
    killPid(program.pid);
  }
}

/** Until it has more links and more ticks than before; all that it says is right. */
async function untilBeyond(program: Program, before: Progress): Promise<Progress> {
  let found = before;
  await waitFor(
    'a link and a tick more',
    async () => {
      found = await ask(program);
      expect(found.nrLinks).to.be.least(before.nrLinks);
      expect(found.nrTicks).to.be.least(before.nrTicks);
      return found.nrLinks > before.nrLinks && found.nrTicks > before.nrTicks;
    },
    60_000,
  );
  expect(found.digest).to.equal(chainOf(found.nrLinks));
  return found;
}

async function ask(program: Program): Promise<Progress> {
  const answer = await program.ask('', 60_000);
  const [nrLinks = '', digest = '', nrTicks = ''] = answer.split(' ');
  expect(answer).to.match(/^\d+ [0-9a-f]{64} \d+$/);
  return { nrLinks: Number(nrLinks), digest, nrTicks: Number(nrTicks) };
}

/** What the chain is after so many links. */
function chainOf(nrLinks: number): string {
  let digest = Buffer.alloc(32);
  for (let i = 0; i < nrLinks; i++) digest = createHash('sha256').update(digest).digest();
  return digest.toString('hex');
}

function killPid(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
