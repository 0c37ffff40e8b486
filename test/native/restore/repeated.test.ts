import { expect } from 'chai';
import { setTimeout as pause } from 'node:timers/promises';
import { TargetError } from '../../../src/errors.js';
import {
  type RestoredProcess,
  type RestoreOptions,
  restoreProcess,
  waitForExit,
} from '../../../src/restore/restore.js';
import { FifoProgram } from '../../support/fifo-program.js';
import { dumpProgram, handedIn, ImagesDirectory } from '../../support/restored.js';
import { Random } from '../../unit/image/random.js';

/** How often each program is dumped and restored. */
const count = Number(process.env['TRACKER_REPETITIONS'] ?? 3);
const programs = [
  ['threads', ['restore/threads', '12'], 'on'],
  ['timers', ['restore/timers'], 'right'],
  ['pipes', ['restore/events'], 'right'],
] as const;

describe('restore, repeated', function () {
  this.timeout(60_000 + count * 20_000);

  for (const [what, [name, ...args], answer] of programs)
    it(`keeps ${what}, dumped at ${count} random moments`, async () => {
      const random = new Random();
      console.log(`    SEED ${random.seed}`);
      for (let i = 0; i < count; i++)
        expect(await restoreOnce(name, args, random), `time ${i}`).to.equal(answer);
    });
});

/** Dumps a program some time after its start, and asks what has been restored. */
async function restoreOnce(name: string, args: readonly string[], random: Random): Promise<string> {
  using images = new ImagesDirectory();
  using program = await FifoProgram.start(images.directory, name, ...args);
  if (name === 'restore/timers') await program.ask('w');
  await pause(random.below(30));
  await dumpProgram(program, images.path);
  await program.exit;
  const inherited = new Map([...handedIn().map((fd) => [fd, fd] as const), ...program.fds]);
  const restored = await restoreAnyway({ images: images.path, inherited });
  try {
    return await program.ask('');
  } finally {
    process.kill(restored.hostPid, 'SIGKILL');
    await waitForExit(restored);
  }
}

/** On a busy machine somebody may have got one of its ids meanwhile: in a namespace that is nothing. */
function restoreAnyway(options: RestoreOptions): Promise<RestoredProcess> {
  return restoreProcess(options).catch((error: unknown) => {
    if (!(error instanceof TargetError) || error.code !== 'PID_TAKEN') throw error;
    return restoreProcess({ ...options, isInNamespace: true });
  });
}
