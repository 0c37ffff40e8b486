/*
 * A controller of a tree that dies at a given moment:
 *   tree-controller.js IMAGES start|round|stop PHASE N PID
 * It sends SIGKILL to itself when the call has entered the phase N times: phases of several members
 * come once for each.
 */
import type { Progress } from '../../src/dump/reports.js';
import { TreeTracker } from '../../src/tree-tracker.js';
import { makeCall, printOutcome } from './controller-calls.js';

const [images = '', call = '', phase = '', count = '', pid = ''] = process.argv.slice(2);
let nrLeft = Number(count);

function onProgress(progress: Progress): void {
  if (progress.phase !== phase || --nrLeft > 0) return;
  process.kill(process.pid, 'SIGKILL');
}

await printOutcome(async () => {
  if (call === 'start') {
    const options = { pids: [Number(pid)], isTree: true, allowExternalSharing: true };
    const { tracker } = await TreeTracker.start({ ...options, images, onProgress });
    await makeCall(tracker, call);
  } else {
    await makeCall(await TreeTracker.resume({ images, onProgress }), call);
  }
});
