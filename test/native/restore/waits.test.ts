import { expect } from 'chai';
import { restoreProcess, waitForExit } from '../../../src/restore/restore.js';
import { FifoProgram } from '../../support/fifo-program.js';
import { dumpProgram, handedIn, ImagesDirectory } from '../../support/restored.js';
import { waitFor } from '../../support/wait-for.js';

const seconds = 12;
/** As the calls end, without the time: those that do not return 0. */
const results: Readonly<Record<string, string>> = {
  futex: '-1 ETIMEDOUT',
  pipe: '5 0',
  eventfd: '8 0',
};
const timed = [
  ...['nanosleep', 'remaining', 'clock_nanosleep', 'absolute', 'poll', 'ppoll', 'select'],
  ...['pselect6', 'epoll_wait', 'futex'],
];

/** What each call has returned, and how long it took. */
async function readResults(program: FifoProgram): Promise<Map<string, [string, number]>> {
  const found = new Map<string, [string, number]>();
  for (let line = await program.line(); line !== 'done'; line = await program.line()) {
    const [name = '', result, error, elapsedMs] = line.split(' ');
    found.set(name, [`${result ?? ''} ${error ?? ''}`, Number(elapsedMs)]);
  }
  return found;
}

/** A third of the time has to pass, for what is left to differ from the whole. */
async function untilThird(startMs: number): Promise<void> {
  const thirdMs = startMs + (seconds * 1000) / 3;
  await waitFor('a third of the time has passed', () => performance.now() >= thirdMs, 60_000);
}

describe('restore of interrupted system calls', function () {
  this.timeout(240_000);

  it('lets each kind of wait go on for the time that was left', async () => {
    using images = new ImagesDirectory();
    const { directory } = images;
    using program = await FifoProgram.start(directory, 'restore/waits', `${seconds}`);
    await untilThird(performance.now());
    const dumpMs = performance.now();
    await dumpProgram(program, images.path);
    await program.exit;
    const inherited = new Map([...handedIn().map((fd) => [fd, fd] as const), ...program.fds]);
    const restored = await restoreProcess({ images: images.path, inherited });
    const awayMs = performance.now() - dumpMs;
    program.send('');
    const found = await readResults(program);
    await waitForExit(restored);
    expect([...found.keys()]).to.have.members([...timed, 'pipe', 'eventfd']);
    for (const [name, [result, elapsedMs]] of found) {
      expect(result, name).to.equal(results[name] ?? '0 0');
      if (!timed.includes(name)) continue;
      expect(elapsedMs, name).to.be.least(seconds * 1000 - 1);
      // Anew, it would have waited for all of it after the restore.
      expect(elapsedMs - awayMs, name).to.be.below(seconds * 1166);
    }
  });
});
