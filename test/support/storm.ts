import { setPriority } from 'node:os';
import { expect } from 'chai';
import { ImageDirectory, layoutAt, PageReader } from '../../src/image/index.js';
import { PromiseProgram } from './promises.js';

/** As in `test/programs/storm.c`. */
const nrLives = 8;

/** A machine that has much to do lets a line wait. */
const lineBoundMs = 120_000;
/** Of the controller, so that it is not the last of all those who want a processor. */
const priority = -15;

/** The family of `test/programs/storm.c`: it forks, executes and exits as fast as it can. */
export class Storm implements Disposable {
  private constructor(
    readonly program: PromiseProgram,
    readonly kind: string,
  ) {}

  static async start(kind: string, seed: number): Promise<Storm> {
    const program = await PromiseProgram.start('storm', kind, String(seed));
    setPriority(priority);
    setPriority(program.pid, 0);
    return new Storm(program, kind);
  }

  /** Of the root, which stays. */
  get pid(): number {
    return this.program.pid;
  }

  /** The kind `orphans` begins. */
  begin(): void {
    if (this.kind === 'orphans') process.kill(this.pid, 'SIGUSR1');
  }

  /** Waits until the root has gone on so many times more. */
  async iterations(nr: number): Promise<void> {
    expect(await this.program.program.ask(`+${nr}`, lineBoundMs)).to.match(/^at \d+$/);
  }

  /** Waits until all of them have ended, each with its memory right. */
  async end(): Promise<void> {
    const { program } = this.program;
    expect(await program.ask('q', lineBoundMs)).to.match(/^ok [1-9]/);
    expect(await program.exit).to.deep.equal({ code: 0, signal: null });
  }

  [Symbol.dispose](): void {
    setPriority(0);
    this.program[Symbol.dispose]();
  }
}

/**
 * Who lived at the last round, by what the family itself has noted down in its shared memory: it is
 * part of the images.
 */
export async function livesIn(images: string): Promise<number[]> {
  await using directory = await ImageDirectory.open(images);
  const shared = layoutAt(directory.rounds, 0).find(({ path }) => path === '/memfd:storm');
  if (!shared) throw new Error(`${images} has no memory of a storm`);
  await using reader = new PageReader(directory, { member: 0 });
  const page = await reader.read(shared.startPage);
  const lives = Array.from({ length: nrLives }, (_, i) => page.readInt32LE(i * 4));
  const root = page.readInt32LE(nrLives * 4);
  expect(root, 'the root').to.be.greaterThan(0);
  return [root, ...lives.filter((pid) => pid > 0)];
}
