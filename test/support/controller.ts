/*
 * A controller that dies, or that sees its target die, at a given moment:
 *   controller.js PID IMAGES start|round|stop PHASE self|target|exec
 * It sends SIGKILL to itself or to the target when the call enters the phase; with `exec`, SIGUSR1
 * to the target, which executes itself then (`test/programs/reexec.c`).
 */
import type { Progress } from '../../src/dump/reports.js';
import { Tracker } from '../../src/tracker.js';
import { makeCall, printOutcome } from './controller-calls.js';

const [pidText = '', images = '', call = '', phase = '', victim = ''] = process.argv.slice(2);
const pid = Number(pidText);

function onProgress(progress: Progress): void {
  if (progress.phase !== phase) return;
  if (victim === 'exec') process.kill(pid, 'SIGUSR1');
  else process.kill(victim === 'self' ? process.pid : pid, 'SIGKILL');
}

await printOutcome(async () => {
  if (call === 'start') {
    const { tracker } = await Tracker.start({ pid, images, onProgress });
    await makeCall(tracker, call);
  } else {
    await makeCall(await Tracker.resume({ pid, images, onProgress }), call);
  }
});
